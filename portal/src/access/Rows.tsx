// A table of what the gateway itself keeps: searched in place, with a word for when there is nothing.
import { Button, EmptyState, EmptyStateBody, SearchInput, Skeleton, Toolbar, ToolbarContent, ToolbarItem } from '@patternfly/react-core';
import { Table, Tbody, Td, Th, Thead, Tr } from '@patternfly/react-table';
import { useState, type ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { FullPageProblem } from '@/components/Problem';

export interface RowColumn<T> {
  id: string;
  label: string;
  cell: (row: T) => ReactNode;
}

interface Props<T extends { id: string }> {
  label: string;
  rows: readonly T[] | undefined;
  error: unknown;
  onRetry: () => void;
  columns: readonly RowColumn<T>[];
  /** What is searched. Without it there is no search. */
  textOf?: (row: T) => string;
  /** What can be done with one. */
  acts?: (row: T) => ReactNode;
  /** What can be done with all, beside the search. */
  tools?: ReactNode;
  empty: string;
}

const SHOWN = 200;

export function Rows<T extends { id: string }>({ label, rows, error, onRetry, columns, textOf, acts, tools, empty }: Props<T>) {
  const { t } = useTranslation();
  const [words, setWords] = useState('');
  const [shown, setShown] = useState(SHOWN);
  const wanted = words.trim().toLowerCase();
  const found = (rows ?? []).filter((row) => !wanted || !textOf || textOf(row).toLowerCase().includes(wanted));
  return (
    <>
      {(textOf || tools) && (
        <Toolbar className="sp-toolbar">
          <ToolbarContent>
            {textOf && (
              <ToolbarItem className="sp-toolbar__search">
                <SearchInput value={words} onChange={(_, value) => setWords(value)} onClear={() => setWords('')} placeholder={t('access.search')} aria-label={t('access.search')} resetButtonLabel={t('list.clearSearch')} />
              </ToolbarItem>
            )}
            {tools && <ToolbarItem align={{ default: 'alignEnd' }}>{tools}</ToolbarItem>}
          </ToolbarContent>
        </Toolbar>
      )}
      {Boolean(error) && !rows ? (
        <FullPageProblem error={error} onRetry={onRetry} />
      ) : !rows ? (
        <Skeleton height="6rem" screenreaderText={t('common.loading')} />
      ) : found.length === 0 ? (
        <EmptyState headingLevel="h2" variant="sm" titleText={rows.length === 0 ? empty : t('list.noMatch')}>
          {rows.length > 0 && <EmptyStateBody>{t('access.noMatch')}</EmptyStateBody>}
        </EmptyState>
      ) : (
        <Table variant="compact" gridBreakPoint="grid-lg" aria-label={label}>
          <Thead>
            <Tr>
              {columns.map((column) => (
                <Th key={column.id} modifier="nowrap">{column.label}</Th>
              ))}
              {acts && <Th screenReaderText={t('common.actions')} />}
            </Tr>
          </Thead>
          <Tbody>
            {found.slice(0, shown).map((row) => (
              <Tr key={row.id} data-id={row.id}>
                {columns.map((column) => (
                  <Td key={column.id} dataLabel={column.label} className="sp-anywhere"><div>{column.cell(row)}</div></Td>
                ))}
                {acts && <Td isActionCell modifier="nowrap">{acts(row)}</Td>}
              </Tr>
            ))}
          </Tbody>
        </Table>
      )}
      {found.length > shown && (
        <div>
          <Button variant="link" onClick={() => setShown(shown + SHOWN)}>
            {t('common.more', { count: found.length - shown })}
          </Button>
        </div>
      )}
    </>
  );
}
