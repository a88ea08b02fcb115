// The tree as it is seen: only the rows in sight are there. One stop of the tab key; arrows, Home, End and letters within it.
import { Spinner } from '@patternfly/react-core';
import AngleRightIcon from '@patternfly/react-icons/dist/esm/icons/angle-right-icon';
import PlugIcon from '@patternfly/react-icons/dist/esm/icons/plug-icon';
import { useVirtualizer } from '@tanstack/react-virtual';
import { useEffect, useId, useRef, useState, type ComponentType, type KeyboardEvent } from 'react';
import { useTranslation } from 'react-i18next';
import type { Word } from '@/api/gen/fields';
import { Flash } from '@/components/Flash';
import { Stale } from '@/components/Stale';
import { StateLabel } from '@/components/StateLabel';
import { formatNumber } from '@/format/format';
import { nounOf } from '@/nouns';
import { kindIcons } from '@/nouns/icons';
import { press, type Node, type NodeKind, type Row } from './tree';
import type { Tree } from './useTree';

const ROW_HEIGHT = 34;
/** How far a level is set in, rem. */
const INDENT = 1.25;

interface Props {
  tree: Tree;
  label: string;
  counts: ReadonlyMap<string, number>;
  chosen: string | null;
  onChoose: (node: Node) => void;
}

const icons: Readonly<Record<NodeKind, ComponentType>> = { ...kindIcons, provider: PlugIcon, lone_host: kindIcons.host };

export function TreeList({ tree, label, counts, chosen, onChoose }: Props) {
  const { rows, setOpen, more } = tree;
  const id = useId();
  const scroller = useRef<HTMLDivElement>(null);
  const [active, setActive] = useState<string>();
  const found = rows.findIndex((row) => row.key === active);
  const at = found < 0 ? 0 : found;
  // eslint-disable-next-line react-hooks/incompatible-library
  const virtual = useVirtualizer({
    count: rows.length, getScrollElement: () => scroller.current, estimateSize: () => ROW_HEIGHT, overscan: 12,
  });
  // What a link led to is in sight, once; from there on the reader moves.
  const linked = useRef(chosen);
  const place = rows.findIndex((row) => row.type === 'node' && linked.current === `${row.node.kind}:${row.node.id}`);
  useEffect(() => {
    if (place < 0) return;
    linked.current = null;
    virtual.scrollToIndex(place, { align: 'center' });
  }, [place, virtual]);
  const act = (row: Row | undefined) => {
    if (row?.type === 'node') onChoose(row.node);
    else if (row?.type === 'more') more(row.ask);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === 'Enter' || event.key === ' ') {
      event.preventDefault();
      act(rows[at]);
      return;
    }
    const done = press(rows, at, event.key);
    if (!done) return;
    event.preventDefault();
    const row = rows[at];
    if (done.open !== undefined && row?.type === 'node') setOpen(row.key, row.node, done.open);
    if (done.to !== undefined && rows[done.to]) {
      setActive(rows[done.to]!.key);
      virtual.scrollToIndex(done.to);
    }
  };
  return (
    <div
      ref={scroller} className="sp-tree" role="tree" tabIndex={0} aria-label={label} onKeyDown={onKeyDown}
      aria-activedescendant={rows.length > 0 ? `${id}-${at}` : undefined}
    >
      <div role="none" className="sp-tree__rows" style={{ blockSize: virtual.getTotalSize() }}>
        {virtual.getVirtualItems().map((item) => {
          const row = rows[item.index];
          return row ? (
            <One
              key={row.key} id={`${id}-${item.index}`} row={row} top={item.start} isActive={item.index === at} counts={counts}
              isChosen={row.type === 'node' && chosen === `${row.node.kind}:${row.node.id}`}
              onToggle={() => row.type === 'node' && setOpen(row.key, row.node, !row.open)}
              onChoose={() => { setActive(row.key); act(row); }}
              onSeen={() => row.type === 'more' && more(row.ask)}
            />
          ) : null;
        })}
      </div>
    </div>
  );
}

interface OneProps {
  id: string;
  row: Row;
  top: number;
  isActive: boolean;
  isChosen: boolean;
  counts: ReadonlyMap<string, number>;
  onToggle: () => void;
  onChoose: () => void;
  onSeen: () => void;
}

function One({ id, row, top, isActive, isChosen, counts, onToggle, onChoose, onSeen }: OneProps) {
  const { t } = useTranslation();
  const loaded = row.type === 'more' ? row.loaded : undefined;
  const seen = useRef(onSeen);
  useEffect(() => {
    seen.current = onSeen;
  });
  // The rest of a long list loads as it comes into sight.
  useEffect(() => {
    if (loaded !== undefined) seen.current();
  }, [loaded]);
  const node = row.type === 'node' ? row : undefined;
  return (
    <div
      id={id} role="treeitem" aria-level={row.level} aria-selected={isChosen} aria-expanded={node && !node.leaf ? node.open : undefined}
      aria-posinset={node?.at} aria-setsize={node?.of} onClick={onChoose}
      className={`sp-tree__row ${isChosen ? 'sp-tree__row--chosen' : ''} ${isActive ? 'sp-tree__row--active' : ''}`}
      style={{ transform: `translateY(${top}px)`, paddingInlineStart: `${(row.level - 1) * INDENT + 0.25}rem` }}
    >
      {node ? (
        <NodeRow row={node} count={counts.get(node.node.id)} onToggle={onToggle} />
      ) : (
        <span className="sp-tree__note sp-muted">
          {row.type === 'empty' ? t('inventory.empty') : <><Spinner size="sm" aria-hidden /> {t('common.loading')}</>}
        </span>
      )}
    </div>
  );
}

function NodeRow({ row, count, onToggle }: { row: Extract<Row, { type: 'node' }>; count: number | undefined; onToggle: () => void }) {
  const { t } = useTranslation();
  const { node, object } = row;
  const Icon = icons[node.kind];
  const field = node.kind === 'provider' || node.kind === 'lone_host' ? undefined : nounOf(node.kind).state;
  const state = field && object ? (object as unknown as Record<string, Word>)[field as string] : undefined;
  const last = field && object ? (object as unknown as Record<string, Word | undefined>)[`last_known_${field as string}`] : undefined;
  return (
    <>
      <span
        className={`sp-tree__toggle ${row.open ? 'sp-tree__toggle--open' : ''}`} aria-hidden="true"
        onClick={(event) => { if (!row.leaf) { event.stopPropagation(); onToggle(); } }}
      >
        {!row.leaf && <AngleRightIcon />}
      </span>
      <span className="sp-tree__icon" aria-hidden="true"><Icon /></span>
      <span className="sp-tree__name" title={row.name}>{row.name}</span>
      {object && <Stale object={object} />}
      {state && <span className="sp-tree__state sp-small"><Flash of={state}><StateLabel state={state} lastKnown={last} /></Flash></span>}
      {count !== undefined && <span className="sp-tree__count sp-muted sp-small">{t('inventory.vms', { count, shown: formatNumber(count) })}</span>}
    </>
  );
}
