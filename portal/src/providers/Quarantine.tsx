// What is left out of the inventory, each with its reason.
import { EmptyState, EmptyStateBody, Skeleton } from '@patternfly/react-core';
import CheckCircleIcon from '@patternfly/react-icons/dist/esm/icons/check-circle-icon';
import { Table, Tbody, Td, Th, Thead, Tr } from '@patternfly/react-table';
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { isKind } from '@/api/names';
import { Age } from '@/components/Age';
import { GatewayWords } from '@/components/GatewayWords';
import { FullPageProblem } from '@/components/Problem';
import { quarantineQuery, type Provider } from './provider';

export function NothingLeftOut() {
  const { t } = useTranslation();
  return (
    <EmptyState headingLevel="h2" variant="sm" icon={CheckCircleIcon} status="success" titleText={t('providers.quarantineEmpty')}>
      <EmptyStateBody>{t('providers.quarantineEmptyHint')}</EmptyStateBody>
    </EmptyState>
  );
}

export function Quarantine({ provider }: { provider: Provider }) {
  const { t } = useTranslation();
  const { data: entries, error, refetch } = useQuery({ ...quarantineQuery(provider), placeholderData: keepPreviousData });
  if (error && !entries) return <FullPageProblem error={error} onRetry={() => void refetch()} />;
  if (!entries) return <Skeleton height="6rem" screenreaderText={t('common.loading')} />;
  if (entries.length === 0) return <NothingLeftOut />;
  return (
    <>
      <p className="sp-muted sp-page__lead">{t('providers.quarantineLead')}</p>
      <Table variant="compact" gridBreakPoint="grid-md" aria-label={t('providers.quarantined')}>
        <Thead>
          <Tr>
            <Th width={20}>{t('providers.quarantineKey')}</Th>
            <Th width={60}>{t('providers.quarantineReason')}</Th>
            <Th width={20}>{t('providers.quarantineSince')}</Th>
          </Tr>
        </Thead>
        <Tbody>
          {entries.map((entry) => (
            <Tr key={`${entry.source_id} ${entry.kind} ${entry.key}`}>
              <Td dataLabel={t('providers.quarantineKey')}>
                <div className="sp-muted sp-small">{isKind(entry.kind) ? t(`kinds.${entry.kind}.one`) : entry.kind}</div>
                <code className="sp-mono sp-anywhere">{entry.key}</code>
              </Td>
              <Td dataLabel={t('providers.quarantineReason')}>
                <GatewayWords className="sp-anywhere" message={entry.reason} />
              </Td>
              <Td dataLabel={t('providers.quarantineSince')}>
                <Age time={entry.since} />
              </Td>
            </Tr>
          ))}
        </Tbody>
      </Table>
    </>
  );
}
