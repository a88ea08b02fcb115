// What the sync states of a provider were: each with its time, how long it lasted, and why.
import { Button, EmptyState, EmptyStateBody, FormSelect, FormSelectOption, Skeleton } from '@patternfly/react-core';
import { Table, Tbody, Td, Th, Thead, Tr } from '@patternfly/react-table';
import { keepPreviousData, useInfiniteQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Age } from '@/components/Age';
import { wordLabel } from '@/components/FieldValue';
import { GatewayWords } from '@/components/GatewayWords';
import { FullPageProblem } from '@/components/Problem';
import { StateLabel } from '@/components/StateLabel';
import { useNow } from '@/components/useNow';
import { formatDuration } from '@/format/format';
import { historyQuery, lasted, type Asked, type Period } from './history';
import type { Provider, State } from './provider';

const STATES: readonly State[] = ['unreachable', 'lagging', 'connecting', 'loading', 'live', 'disabled'];

export function History({ provider }: { provider: Provider }) {
  const { t } = useTranslation();
  const [asked, setAsked] = useState<Asked>({});
  const query = useInfiniteQuery({ ...historyQuery(provider, asked), placeholderData: keepPreviousData });
  const { data, error, refetch, hasNextPage, fetchNextPage, isFetchingNextPage } = query;
  if (error && !data) return <FullPageProblem error={error} onRetry={() => void refetch()} />;
  const entries = data?.pages.flatMap((page) => page.items);
  return (
    <>
      <p className="sp-muted sp-page__lead">{t('providers.history.lead')}</p>
      <div className="sp-history__filters">
        <FormSelect aria-label={t('providers.state')} value={asked.state ?? ''} onChange={(_, value) => setAsked({ ...asked, state: (value || undefined) as Period['state'] | undefined })}>
          <FormSelectOption value="" label={t('providers.history.everyState')} />
          {STATES.map((state) => (
            <FormSelectOption key={state} value={state} label={t(`words.${state}`)} />
          ))}
        </FormSelect>
        {provider.sources.length > 1 && (
          <FormSelect aria-label={t('providers.endpoint')} value={asked.source ?? ''} onChange={(_, value) => setAsked({ ...asked, source: value || undefined })}>
            <FormSelectOption value="" label={t('providers.history.everyAddress')} />
            {provider.sources.map((source) => (
              <FormSelectOption key={source.id} value={source.id} label={source.endpoint} />
            ))}
          </FormSelect>
        )}
      </div>
      {!entries && <Skeleton height="6rem" screenreaderText={t('common.loading')} />}
      {entries?.length === 0 && (
        <EmptyState headingLevel="h2" variant="sm" titleText={t('providers.history.empty')}>
          <EmptyStateBody>{t('providers.history.emptyHint')}</EmptyStateBody>
        </EmptyState>
      )}
      {entries && entries.length > 0 && <Entries provider={provider} entries={entries} />}
      {hasNextPage && (
        <Button variant="link" className="sp-history__more" onClick={() => void fetchNextPage()} isLoading={isFetchingNextPage} spinnerAriaLabel={t('common.loading')} spinnerAriaValueText={t('common.loading')} isDisabled={isFetchingNextPage}>
          {t('providers.history.older')}
        </Button>
      )}
    </>
  );
}

function Entries({ provider, entries }: { provider: Provider; entries: readonly Period[] }) {
  const { t } = useTranslation();
  const now = useNow(5_000);
  const several = provider.sources.length > 1;
  const endpointOf = (id: string) => provider.sources.find((source) => source.id === id)?.endpoint ?? t('providers.history.noAddress');
  return (
    <Table variant="compact" gridBreakPoint="grid-md" aria-label={t('providers.tabs.history')}>
      <Thead>
        <Tr>
          <Th>{t('providers.state')}</Th>
          <Th>{t('providers.history.since')}</Th>
          <Th>{t('providers.history.lasted')}</Th>
          {several && <Th>{t('providers.endpoint')}</Th>}
          <Th width={50}>{t('providers.history.why')}</Th>
        </Tr>
      </Thead>
      <Tbody>
        {entries.map((entry) => (
          <Tr key={entry.id}>
            <Td dataLabel={t('providers.state')}>
              <StateLabel state={entry.state} />
            </Td>
            <Td dataLabel={t('providers.history.since')}>
              <Age time={entry.since} />
            </Td>
            <Td dataLabel={t('providers.history.lasted')}>
              {formatDuration(lasted(entry, now))}
              {!entry.until && <span className="sp-muted sp-small"> {t('providers.history.still')}</span>}
            </Td>
            {several && (
              <Td dataLabel={t('providers.endpoint')}>
                <code className="sp-mono sp-anywhere">{endpointOf(entry.source_id)}</code>
              </Td>
            )}
            <Td dataLabel={t('providers.history.why')} className={entry.reason || entry.message || entry.changes > 1 ? undefined : 'sp-cell--empty'}>
              {entry.reason && <div>{wordLabel(t, entry.reason)}</div>}
              {entry.message && <div className="sp-muted sp-small sp-anywhere"><GatewayWords message={entry.message} /></div>}
              {entry.changes > 1 && <div className="sp-muted sp-small">{t('providers.history.together', { count: entry.changes })}</div>}
            </Td>
          </Tr>
        ))}
      </Tbody>
    </Table>
  );
}
