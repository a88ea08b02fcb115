import { Button, EmptyState, EmptyStateBody, Skeleton } from '@patternfly/react-core';
import { keepPreviousData, useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { useSearchParams } from 'react-router';
import { ListFrame } from '@/access/Details';
import { PLATFORM, useMay } from '@/access/queries';
import { sessionQuery } from '@/api/queries';
import { auditQuery, exportPath, filtersOf, type Filters } from '@/audit/audit';
import { Entries } from '@/audit/Entries';
import { FilterBar } from '@/audit/Filters';
import { Verify } from '@/audit/Verify';
import { FullPageProblem } from '@/components/Problem';

/** Who did what: the audit log, as far as the reader may see it. What narrows it stands in the address. */
export function Audit() {
  const { t } = useTranslation();
  const [address, setAddress] = useSearchParams();
  const filters = filtersOf(address);
  const query = useInfiniteQuery({ ...auditQuery(filters), placeholderData: keepPreviousData });
  const { data, error, refetch, isFetching, hasNextPage, fetchNextPage, isFetchingNextPage } = query;
  const { data: session } = useQuery(sessionQuery);
  // A part of the log is no chain.
  const seesAll = useMay('audit.read') && session?.tenant_id === PLATFORM;
  const entries = data?.pages.flatMap((page) => page.items);
  const spinner = { spinnerAriaLabel: t('common.loading'), spinnerAriaValueText: t('common.loading') };
  return (
    <ListFrame
      title={t('audit.title')} lead={t('audit.lead')}
      tools={
        <div className="sp-head__acts sp-audit__acts">
          {seesAll && <Verify />}
          <Button variant="secondary" component="a" href={exportPath(filters)} download="audit.jsonl" title={t('audit.exportHint')}>
            {t('audit.export')}
          </Button>
          <Button onClick={() => void refetch()} isLoading={isFetching && !isFetchingNextPage && Boolean(entries)} {...spinner}>
            {t('common.refresh')}
          </Button>
        </div>
      }
    >
      <FilterBar filters={filters} onChange={(next: Filters) => setAddress(next as Record<string, string>)} />
      {Boolean(error) && !isFetching ? (
        <FullPageProblem error={error} onRetry={() => void refetch()} />
      ) : !entries ? (
        <Skeleton height="60vh" screenreaderText={t('common.loading')} />
      ) : entries.length === 0 ? (
        <EmptyState headingLevel="h2" variant="sm" titleText={t(Object.keys(filters).length > 0 ? 'audit.noMatch' : 'audit.empty')}>
          <EmptyStateBody>{t('audit.lead')}</EmptyStateBody>
        </EmptyState>
      ) : (
        <Entries entries={entries} />
      )}
      {hasNextPage && (
        <div className="sp-history__more">
          <Button variant="link" onClick={() => void fetchNextPage()} isLoading={isFetchingNextPage} isDisabled={isFetchingNextPage} {...spinner}>
            {t('audit.older')}
          </Button>
        </div>
      )}
    </ListFrame>
  );
}
