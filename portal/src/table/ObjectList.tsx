// A live list of one noun: the toolbar, the filters, the table. On a page of its own, and within the tabs of others.
import { Button, EmptyState, EmptyStateActions, EmptyStateBody, EmptyStateFooter, Skeleton } from '@patternfly/react-core';
import SearchIcon from '@patternfly/react-icons/dist/esm/icons/search-icon';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useCallback, useMemo, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useNavigate } from 'react-router';
import { useMay } from '@/access/queries';
import type { ListParams } from '@/api/client';
import type { Kind } from '@/api/gen/fields';
import { countQuery, listQuery, loadMore, providersQuery } from '@/api/queries';
import { FullPageProblem, problemTitle } from '@/components/Problem';
import { kindIcons } from '@/nouns/icons';
import { useToast } from '@/shell/Toasts';
import { paramsOf, parameterOf, type Filter } from './address';
import { ColumnsDialog } from './ColumnsDialog';
import { allColumns, shownColumns } from './columns';
import { DataTable } from './DataTable';
import { FilterChips } from './FilterChips';
import { FilterDialog } from './FilterDialog';
import { ListToolbar } from './ListToolbar';
import { useView } from './useView';

interface Props<K extends Kind> {
  kind: K;
  /** Filters that belong to the place and not to the view. */
  fixed?: ListParams;
  /** Columns that would say the same in every row. */
  hide?: readonly string[];
}

const NOTHING: ListParams = {};
const NO_COLUMNS: readonly string[] = [];

export function ObjectList<K extends Kind>({ kind, fixed = NOTHING, hide = NO_COLUMNS }: Props<K>) {
  const { t } = useTranslation();
  const client = useQueryClient();
  const toast = useToast();
  const navigate = useNavigate();
  const { data: providers } = useQuery(providersQuery);
  const mayWrite = useMay('provider.write');
  const seesProviders = useMay('provider.read');
  const [view, setView] = useView(kind);
  const params = useMemo(() => paramsOf(view, fixed), [view, fixed]);
  const [selected, setSelected] = useState<ReadonlySet<string>>(new Set());
  const [dialog, setDialog] = useState<'columns' | { filter?: Filter }>();
  const all = useMemo(() => allColumns(kind, t), [kind, t]);
  const chosen = view.columns?.join();
  const columns = useMemo(() => shownColumns(kind, all, chosen?.split(',').filter(Boolean), hide), [kind, all, chosen, hide]);
  const list = useQuery(listQuery(kind, params));
  const count = useQuery(countQuery(kind, params));
  const rows = list.data?.rows;
  const selectedRows = useMemo(() => (selected.size === 0 ? [] : (rows ?? []).filter((row) => selected.has(row.id))), [rows, selected]);

  const more = useCallback(() => {
    loadMore(client, kind, params).catch((error: unknown) => toast({ key: 'more', title: problemTitle(t, error), variant: 'danger' }));
  }, [client, kind, params, toast, t]);
  const setFilter = (filter: Filter) => {
    const others = view.filters.filter((one) => parameterOf(one) !== parameterOf(filter) && one !== (dialog as { filter?: Filter }).filter);
    setView({ filters: [...others, filter] });
    setDialog(undefined);
  };
  const filtered = view.q !== '' || view.filters.length > 0;
  const label = t('list.table', { kind: t(`kinds.${kind}.many`) });
  const Icon = kindIcons[kind];

  return (
    <div className="sp-list">
      <ListToolbar
        kind={kind} view={view} setView={setView} params={params} columns={columns} count={count.data} selected={selectedRows}
        onFilter={() => setDialog({})} onColumns={() => setDialog('columns')} onClearSelection={() => setSelected(new Set())}
      />
      {view.filters.length > 0 && (
        <div className="sp-list__filters">
          <FilterChips
            filters={view.filters} onEdit={(filter) => setDialog({ filter })}
            onRemove={(filter) => setView({ filters: view.filters.filter((one) => one !== filter) })}
          />
          <Button variant="link" isInline onClick={() => setView({ filters: [], q: '' })}>
            {t('list.clearFilters')}
          </Button>
        </div>
      )}
      {list.error && !rows ? (
        <FullPageProblem error={list.error} onRetry={() => void list.refetch()} />
      ) : !rows ? (
        <LoadingRows />
      ) : rows.length === 0 ? (
        <EmptyState headingLevel="h2" icon={filtered ? SearchIcon : Icon} titleText={filtered ? t('list.noMatch') : t('list.empty')}>
          <EmptyStateBody>
            {t(filtered ? 'list.noMatchHint' : fixed !== NOTHING ? 'list.emptyWithin' : seesProviders ? 'list.emptyHint' : 'list.emptySeen', { kind: t(`kinds.${kind}.inline`) })}
          </EmptyStateBody>
          {!filtered && fixed === NOTHING && mayWrite && providers?.length === 0 && (
            <EmptyStateFooter>
              <EmptyStateActions>
                <Button onClick={() => void navigate('/providers/new')}>{t('providers.add')}</Button>
              </EmptyStateActions>
            </EmptyStateFooter>
          )}
          {filtered && (
            <EmptyStateFooter>
              <EmptyStateActions>
                <Button variant="link" onClick={() => setView({ filters: [], q: '' })}>
                  {t('list.clearFilters')}
                </Button>
              </EmptyStateActions>
            </EmptyStateFooter>
          )}
        </EmptyState>
      ) : (
        <DataTable
          kind={kind} label={label} rows={rows} columns={columns} total={count.data} sort={view.sort} onSort={(sort) => setView({ sort })}
          widths={view.widths} onWidth={(column, width) => setView({ widths: { ...view.widths, [column]: width } }, true)}
          selected={selected} onSelect={setSelected} onEnd={more}
        />
      )}
      {dialog === 'columns' && (
        <ColumnsDialog
          all={all} shown={columns} onClose={() => setDialog(undefined)}
          onDone={(ids) => {
            setView({ columns: ids });
            setDialog(undefined);
          }}
        />
      )}
      {typeof dialog === 'object' && (
        <FilterDialog kind={kind} first={columns[1]?.id ?? 'name'} filter={dialog.filter} onDone={setFilter} onClose={() => setDialog(undefined)} />
      )}
    </div>
  );
}

function LoadingRows() {
  const { t } = useTranslation();
  return (
    <div className="sp-list__loading" aria-busy="true">
      {Array.from({ length: 8 }, (_, row) => (
        <Skeleton key={row} height="1.5rem" screenreaderText={row === 0 ? t('common.loading') : undefined} />
      ))}
    </div>
  );
}
