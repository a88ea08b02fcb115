// What a platform can do, and why not what it cannot.
import { Icon, Skeleton } from '@patternfly/react-core';
import CheckCircleIcon from '@patternfly/react-icons/dist/esm/icons/check-circle-icon';
import MinusCircleIcon from '@patternfly/react-icons/dist/esm/icons/minus-circle-icon';
import { Table, Tbody, Td, Th, Thead, Tr } from '@patternfly/react-table';
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { GatewayWords } from '@/components/GatewayWords';
import { FullPageProblem } from '@/components/Problem';
import type { Translation } from '@/i18n/types';
import { capabilitiesQuery, type Provider } from './provider';

type Known = keyof Translation['providers']['capabilities'];

export function Capabilities({ provider }: { provider: Provider }) {
  const { t } = useTranslation();
  const { data: capabilities, error, refetch } = useQuery({ ...capabilitiesQuery(provider), placeholderData: keepPreviousData });
  if (error && !capabilities) return <FullPageProblem error={error} onRetry={() => void refetch()} />;
  if (!capabilities) return <Skeleton height="6rem" screenreaderText={t('common.loading')} />;
  return (
    <>
      <p className="sp-muted sp-page__lead">{t('providers.capabilitiesLead')}</p>
      <Table variant="compact" gridBreakPoint="grid-md" aria-label={t('providers.tabs.capabilities')}>
        <Thead>
          <Tr>
            <Th width={25}>{t('providers.capability')}</Th>
            <Th width={15}>{t('providers.supportedHead')}</Th>
            <Th width={60}>{t('providers.note')}</Th>
          </Tr>
        </Thead>
        <Tbody>
          {capabilities.map((one) => (
            <Tr key={one.name}>
              <Td dataLabel={t('providers.capability')}>{t(`providers.capabilities.${one.name as Known}`, { defaultValue: one.name })}</Td>
              <Td dataLabel={t('providers.supportedHead')}>
                <span className="sp-state">
                  <Icon status={one.supported ? 'success' : undefined} isInline>
                    {one.supported ? <CheckCircleIcon /> : <MinusCircleIcon />}
                  </Icon>
                  <span>{t(one.supported ? 'providers.supported' : 'providers.unsupported')}</span>
                </span>
              </Td>
              <Td dataLabel={t('providers.note')}>{one.note && <GatewayWords message={one.note} />}</Td>
            </Tr>
          ))}
        </Tbody>
      </Table>
    </>
  );
}
