// What an object is related to, drawn: boxes that are links, and lines between them.
import { Skeleton } from '@patternfly/react-core';
import { useQueries, useQuery } from '@tanstack/react-query';
import { useEffect, useRef } from 'react';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';
import { paths, type Kind, type Objects, type Word } from '@/api/gen/fields';
import { countQuery, listQuery, objectQuery } from '@/api/queries';
import { Flash } from '@/components/Flash';
import { StateLabel } from '@/components/StateLabel';
import type { ListData } from '@/live/list';
import { nounOf } from '@/nouns';
import { kindIcons } from '@/nouns/icons';
import { BOX, draw, relations, type Columns, type Group, type Spot } from './relations';

/** Boxes of one noun: of more, it is said how many. */
const MOST = 8;
/** The same where several nouns share a column. */
const MOST_SHARED = 4;

type Box = { kind: Kind; key: string } & ({ id: string } | { object: Objects[Kind] } | { more: number | undefined; to: string });

function useBoxes(columns: Columns, self: { kind: Kind; object: Objects[Kind] }): Box[][] | undefined {
  const listed = columns.flatMap((column) => (column === 'self' ? [] : column)).flatMap((group) => ('params' in group ? [group] : []));
  const lists = useQueries({ queries: listed.map(({ kind, params }) => listQuery(kind, params)) });
  const counts = useQueries({ queries: listed.map(({ kind, params }) => countQuery(kind, params)) });
  if (lists.some((list) => list.isPending)) return undefined;
  const ofGroup = (group: Group, most: number): Box[] => {
    const { kind } = group;
    if ('ids' in group) {
      const shown = group.ids.slice(0, most).map((id): Box => ({ kind, key: id, id }));
      const others = group.ids.length - shown.length;
      return others > 0 ? [...shown, { kind, key: `${kind} more`, more: others, to: `/${paths[kind]}?id=${group.ids.join()}` }] : shown;
    }
    const at = listed.indexOf(group);
    const rows = (lists[at]?.data as ListData | undefined)?.rows ?? [];
    const shown = rows.slice(0, most).map((object): Box => ({ kind, key: object.id, object }));
    const all = counts[at]?.data ?? rows.length;
    return all > shown.length ? [...shown, { kind, key: `${kind} more`, more: all - shown.length, to: `/${paths[kind]}?${new URLSearchParams(group.params)}` }] : shown;
  };
  return columns.map((column) => (column === 'self' ? [{ ...self, key: 'self' }] : column.flatMap((group) => ofGroup(group, column.length > 1 ? MOST_SHARED : MOST))));
}

export function relationsOf<K extends Kind>(kind: K) {
  return function RelationsOfKind({ object }: { object: Objects[K] }) {
    const columns = (relations[kind] as ((object: Objects[K]) => Columns) | undefined)?.(object) ?? [];
    return <Relations kind={kind} object={object} columns={columns} />;
  };
}

function Relations({ kind, object, columns }: { kind: Kind; object: Objects[Kind]; columns: Columns }) {
  const { t } = useTranslation();
  const boxes = useBoxes(columns, { kind, object });
  const scroller = useRef<HTMLDivElement>(null);
  const drawn = Boolean(boxes);
  // Where there is little room, the object itself is in sight first.
  useEffect(() => {
    const self = scroller.current?.querySelector<HTMLElement>('.sp-topology__box--self');
    if (drawn && self && scroller.current) scroller.current.scrollLeft = self.offsetLeft - (scroller.current.clientWidth - BOX.width) / 2;
  }, [drawn]);
  const name = (object as { name?: string }).name ?? object.id;
  if (!boxes) return <Skeleton height="12rem" screenreaderText={t('common.loading')} />;
  const drawing = draw(boxes.map((column) => column.length));
  return (
    <>
      <p className="sp-muted sp-native__hint">{t('topology.relationsHint')}</p>
      <div ref={scroller} className="sp-scroll sp-topology" tabIndex={0} role="region" aria-label={t('topology.diagram', { name })}>
        <div className="sp-topology__sheet" style={{ inlineSize: drawing.width, blockSize: drawing.height }}>
          <svg className="sp-topology__lines" width={drawing.width} height={drawing.height} aria-hidden="true">
            {drawing.lines.map((line) => <path key={line} d={line} />)}
          </svg>
          <ul className="sp-topology__boxes">
            {boxes.flatMap((column, x) => column.map((box, y) => <BoxOf key={`${x} ${box.key}`} box={box} spot={drawing.spots[x]![y]!} isSelf={columns[x] === 'self'} />))}
          </ul>
        </div>
      </div>
    </>
  );
}

function BoxOf({ box, spot, isSelf }: { box: Box; spot: Spot; isSelf: boolean }) {
  const { t } = useTranslation();
  const Icon = kindIcons[box.kind];
  const place = { insetInlineStart: spot.x, insetBlockStart: spot.y, inlineSize: BOX.width, blockSize: BOX.height };
  return (
    <li className={`sp-topology__box ${isSelf ? 'sp-topology__box--self' : ''}`} style={place}>
      <span className="sp-topology__icon" aria-hidden="true"><Icon /></span>
      {'more' in box ? (
        <span className="sp-topology__text">
          <Link to={box.to}>{t('topology.more', { count: box.more })}</Link>
          <span className="sp-muted sp-small">{t(`kinds.${box.kind}.many`)}</span>
        </span>
      ) : 'object' in box ? <Named kind={box.kind} object={box.object} isSelf={isSelf} /> : <ById kind={box.kind} id={box.id} />}
    </li>
  );
}

function ById({ kind, id }: { kind: Kind; id: string }) {
  const { data, isPending } = useQuery(objectQuery(kind, id));
  if (isPending) return <Skeleton width="8rem" screenreaderText={id} />;
  return data ? <Named kind={kind} object={data.object} /> : <span className="sp-mono sp-muted sp-truncate">{id}</span>;
}

function Named({ kind, object, isSelf }: { kind: Kind; object: Objects[Kind]; isSelf?: boolean }) {
  const { t } = useTranslation();
  const name = (object as { name?: string }).name || object.id;
  const field = nounOf(kind).state as string | undefined;
  const state = field ? (object as unknown as Record<string, Word | undefined>)[field] : undefined;
  return (
    <span className="sp-topology__text">
      {isSelf ? <strong className="sp-truncate" title={name}>{name}</strong> : <Link to={`/${paths[kind]}/${object.id}`} className="sp-truncate" title={name}>{name}</Link>}
      <span className="sp-muted sp-small sp-topology__what">
        {t(`kinds.${kind}.one`)}
        {state && <Flash of={state}><StateLabel state={state} /></Flash>}
      </span>
    </span>
  );
}
