// The table: only the rows that are seen are there, so that a hundred thousand scroll as ten do.
import { Checkbox } from '@patternfly/react-core';
import { Table, Tbody, Td, Th, Thead, Tr } from '@patternfly/react-table';
import { useVirtualizer } from '@tanstack/react-virtual';
import { memo, useCallback, useEffect, useId, useRef, type KeyboardEvent, type PointerEvent } from 'react';
import { useTranslation } from 'react-i18next';
import { useLocation } from 'react-router';
import type { Kind, Objects } from '@/api/gen/fields';
import { FieldValue, textOf, valueOf } from '@/components/FieldValue';
import { Flash } from '@/components/Flash';
import { useNarrow } from '@/components/useNarrow';
import { Stale } from '@/components/Stale';
import { keepPlace, placeOf } from '@/shell/useKeptPlace';
import { MAX_WIDTH, MIN_WIDTH, NAME, type Column } from './columns';

const ROW_HEIGHT = 41;
const CHECK_WIDTH = 46;
/** The name's column on a phone, pixels. */
const NARROW_NAME = 180;
/** How many rows before the end the next page is asked for. */
const AHEAD = 30;

export interface DataTableProps<K extends Kind> {
  kind: K;
  label: string;
  rows: readonly Objects[K][];
  columns: readonly Column<K>[];
  /** How many there are in all, when it is known. */
  total: number | undefined;
  sort: string;
  onSort: (sort: string) => void;
  widths: Readonly<Record<string, number>>;
  onWidth: (column: string, width: number) => void;
  selected: ReadonlySet<string>;
  onSelect: (ids: ReadonlySet<string>) => void;
  /** Called when the end of what is loaded comes near. */
  onEnd: () => void;
}

export function DataTable<K extends Kind>(props: DataTableProps<K>) {
  const { kind, label, rows, columns, total, sort, onSort, widths, onWidth, selected, onSelect, onEnd } = props;
  const { t } = useTranslation();
  const id = useId();
  const scroller = useRef<HTMLDivElement>(null);
  const tableKey = `${useLocation().key} table`;
  useEffect(() => {
    const region = scroller.current;
    const keep = () => region && keepPlace(tableKey, region.scrollTop);
    region?.addEventListener('scroll', keep, { passive: true });
    return () => region?.removeEventListener('scroll', keep);
  }, [tableKey]);
  // The virtualizer keeps its own state: the React compiler must not remember what it says.
  // eslint-disable-next-line react-hooks/incompatible-library
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => ROW_HEIGHT,
    // Who comes back is where he was: the rows there are made before the table's size is known.
    initialOffset: () => placeOf(tableKey),
    initialRect: { width: 0, height: innerHeight },
    // Rows are all as high: by their place, which a hundred thousand need not be gone through for at each change.
    overscan: 12,
  });
  const items = virtual.getVirtualItems();
  const first = items[0];
  const last = items[items.length - 1];
  const lastIndex = last?.index ?? -1;
  useEffect(() => {
    if (lastIndex >= 0 && lastIndex >= rows.length - AHEAD) onEnd();
  }, [lastIndex, rows.length, onEnd]);

  const [sorted = '', turned] = sort.startsWith('-') ? [sort.slice(1).split(',')[0], true] : [sort.split(',')[0], false];
  const narrow = useNarrow();
  const widthOf = (column: Column<K>) => widths[column.id] ?? (narrow && column.id === NAME ? NARROW_NAME : column.width);
  const width = columns.reduce((sum, column) => sum + widthOf(column), CHECK_WIDTH);
  const allSelected = rows.length > 0 && rows.every((row) => selected.has(row.id));
  // One function for all rows and renders, so that a row is made anew only when it differs.
  const latest = useRef({ selected, onSelect });
  useEffect(() => {
    latest.current = { selected, onSelect };
  });
  const toggle = useCallback((id: string, on: boolean) => {
    const next = new Set(latest.current.selected);
    if (on) next.add(id);
    else next.delete(id);
    latest.current.onSelect(next);
  }, []);
  const sortBy = (index: number) => {
    const column = columns[index];
    if (!column?.field || column.field.filter === false) return undefined;
    return {
      columnIndex: index,
      sortBy: { index: columns.findIndex((one) => one.id === (sorted || NAME)), direction: turned ? ('desc' as const) : ('asc' as const) },
      onSort: () => onSort((sorted || NAME) === column.id && !turned ? `-${column.id}` : column.id === NAME ? '' : column.id),
    };
  };

  return (
    <div className="sp-table" ref={scroller} tabIndex={0} role="region" aria-label={label}>
      <Table
        aria-label={label} variant="compact" borders isStickyHeader gridBreakPoint="" className="sp-table__table"
        style={{ inlineSize: width, minInlineSize: '100%' }} aria-rowcount={total === undefined ? -1 : total + 1}
      >
        <colgroup>
          <col style={{ inlineSize: CHECK_WIDTH }} />
          {columns.map((column) => (
            <col key={column.id} style={{ inlineSize: widthOf(column) }} />
          ))}
        </colgroup>
        <Thead>
          <Tr aria-rowindex={1}>
            <Th className="pf-v6-c-table__check" modifier="fitContent">
              <Checkbox
                id={`${id}-all`} aria-label={t('list.selectAll')} isChecked={allSelected}
                onChange={(_, on) => onSelect(on ? new Set([...selected, ...rows.map((row) => row.id)]) : new Set())}
              />
            </Th>
            {columns.map((column, index) => (
              <Th
                key={column.id} sort={sortBy(index)} isStickyColumn={index === 0} stickyMinWidth="0" stickyLeftOffset="0"
                additionalContent={<Resizer column={column.label} width={widthOf(column)} onWidth={(to) => onWidth(column.id, to)} />}
              >
                <span title={column.label}>{column.label}</span>
              </Th>
            ))}
          </Tr>
        </Thead>
        <Tbody>
          {first && first.start > 0 && <Spacer height={first.start} columns={columns.length + 1} />}
          {items.map((item) => {
            const row = rows[item.index];
            return row ? (
              <Row key={row.id} kind={kind} row={row} index={item.index} columns={columns} isSelected={selected.has(row.id)} onToggle={toggle} />
            ) : null;
          })}
          {last && last.end < virtual.getTotalSize() && <Spacer height={virtual.getTotalSize() - last.end} columns={columns.length + 1} />}
        </Tbody>
      </Table>
    </div>
  );
}

/** Stands for the rows that are not there. */
function Spacer({ height, columns }: { height: number; columns: number }) {
  return (
    <tr aria-hidden="true" className="sp-table__spacer">
      <td colSpan={columns} style={{ blockSize: height }} />
    </tr>
  );
}

interface RowProps<K extends Kind> {
  kind: K;
  row: Objects[K];
  index: number;
  columns: readonly Column<K>[];
  isSelected: boolean;
  onToggle: (id: string, on: boolean) => void;
}

const Row = memo(RowOf, (a, b) => a.row === b.row && a.index === b.index && a.columns === b.columns && a.isSelected === b.isSelected && a.onToggle === b.onToggle) as typeof RowOf;

function RowOf<K extends Kind>({ kind, row, index, columns, isSelected, onToggle }: RowProps<K>) {
  const { t } = useTranslation();
  const name = (row as { name?: string }).name ?? row.id;
  return (
    <Tr aria-rowindex={index + 2} isRowSelected={isSelected} data-id={row.id}>
      {/* The table's own would be called by its number, and in English. */}
      <Td className="pf-v6-c-table__check">
        <Checkbox id={`select-${row.id}`} aria-label={t('list.selectRow', { name })} isChecked={isSelected} onChange={(_, on) => onToggle(row.id, on)} />
      </Td>
      {columns.map((column, at) => (
        <Td key={column.id} dataLabel={column.label} isStickyColumn={at === 0} stickyMinWidth="0" stickyLeftOffset="0">
          <Flash of={column.field ? textOf(valueOf(row, column.field)) : ''}>
            {column.id === NAME && <Stale object={row} />}
            {column.Show ? <column.Show object={row} /> : column.field && <FieldValue kind={kind} object={row} field={column.field} most={1} />}
          </Flash>
        </Td>
      ))}
    </Tr>
  );
}

/** The edge of a column: dragged, or moved by the arrow keys. */
function Resizer({ column, width, onWidth }: { column: string; width: number; onWidth: (width: number) => void }) {
  const { t } = useTranslation();
  const limit = (to: number) => Math.min(MAX_WIDTH, Math.max(MIN_WIDTH, to));
  const drag = (event: PointerEvent<HTMLElement>) => {
    event.preventDefault();
    event.stopPropagation();
    const handle = event.currentTarget;
    const from = event.clientX;
    handle.setPointerCapture(event.pointerId);
    const move = (to: globalThis.PointerEvent) => onWidth(limit(width + to.clientX - from));
    const end = () => {
      handle.removeEventListener('pointermove', move);
      handle.removeEventListener('pointerup', end);
      handle.removeEventListener('pointercancel', end);
    };
    handle.addEventListener('pointermove', move);
    handle.addEventListener('pointerup', end);
    handle.addEventListener('pointercancel', end);
  };
  const press = (event: KeyboardEvent) => {
    const step = { ArrowLeft: -10, ArrowRight: 10 }[event.key];
    if (step === undefined) return;
    event.preventDefault();
    onWidth(limit(width + step));
  };
  return (
    <span
      className="sp-resizer" role="separator" aria-orientation="vertical" tabIndex={0} aria-label={t('list.columnWidth', { column })}
      aria-valuenow={Math.round(width)} aria-valuemin={MIN_WIDTH} aria-valuemax={MAX_WIDTH}
      onPointerDown={drag} onKeyDown={press} onClick={(event) => event.stopPropagation()}
    />
  );
}
