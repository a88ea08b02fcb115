// The tree's state: what is open, and what is loaded of it. Each open node's children are live lists.
import { useQueries, useQuery, useQueryClient } from '@tanstack/react-query';
import { useCallback, useMemo, useState } from 'react';
import { loadMore, listQuery, providersQuery, summaryQuery } from '@/api/queries';
import { keys } from '@/api/keys';
import { useReveal } from './useReveal';
import type { ListData } from '@/live/list';
import { asksOf, rowsOf, type Ask, type Node, type Row, type View } from './tree';

/** What is open is kept for the way back to the page. */
const kept = new Map<View, ReadonlyMap<string, Node>>();
/** Providers that are open to begin with, when there are no more. */
const FEW = 3;

const hashOf = ({ kind, params }: Ask) => JSON.stringify(keys.list(kind, params));

export interface Tree {
  rows: Row[];
  providers: number | undefined;
  setOpen: (key: string, node: Node, open: boolean) => void;
  more: (ask: Ask) => void;
}

export function useTree(view: View, chosen: string | null): Tree {
  const client = useQueryClient();
  const { data: providers } = useQuery(providersQuery);
  const [, setTurn] = useState(0);
  const first = useMemo((): ReadonlyMap<string, Node> => {
    const few = providers && providers.length <= FEW ? providers : [];
    return new Map(few.map(({ id }) => [id, { kind: 'provider', id }]));
  }, [providers]);
  const opened = kept.get(view) ?? first;
  const asks = useMemo(() => {
    const all = new Map<string, Ask>();
    for (const node of opened.values()) for (const one of asksOf(view, node)) all.set(hashOf(one), one);
    return [...all.values()];
  }, [opened, view]);
  const lists = useQueries({ queries: asks.map(({ kind, params }) => listQuery(kind, params)) });
  const answers = new Map(asks.map((one, index) => [hashOf(one), lists[index]?.data as ListData | undefined]));
  const rows = rowsOf(view, providers ?? [], opened, (one) => answers.get(hashOf(one)));
  const setOpen = useCallback((key: string, node: Node, on: boolean) => {
    const next = new Map(kept.get(view) ?? first);
    if (on) next.set(key, node);
    else next.delete(key);
    kept.set(view, next);
    setTurn((turn) => turn + 1);
  }, [view, first]);
  useReveal(view, chosen, useCallback((path) => {
    const next = new Map(kept.get(view) ?? first);
    let key = '';
    for (const node of path) {
      key = key ? `${key}/${node.id}` : node.id;
      next.set(key, node);
    }
    kept.set(view, next);
    setTurn((turn) => turn + 1);
  }, [view, first]));
  const more = useCallback(({ kind, params }: Ask) => {
    loadMore(client, kind, params).catch(() => undefined);
  }, [client]);
  return { rows, providers: providers?.length, setOpen, more };
}

const BY_PLACE = { group_by: 'provider_id,zone_id,cluster_id,host_id' };

/** How many VMs are under each place, by its id. */
export function useVmCounts(): ReadonlyMap<string, number> {
  const { data } = useQuery(summaryQuery('vm', BY_PLACE));
  return useMemo(() => {
    const counts = new Map<string, number>();
    for (const { key, count } of data?.groups ?? []) for (const id of Object.values(key)) if (id) counts.set(id, (counts.get(id) ?? 0) + count);
    return counts;
  }, [data]);
}
