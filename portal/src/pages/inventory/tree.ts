// What stands under what in the tree of the inventory, in four views, and the rows that are seen of it. Pure: what is asked
// and what is shown follow from what is open and what was answered.
import type { ListParams } from '@/api/client';
import type { Kind, Objects } from '@/api/gen/fields';
import type { ListData } from '@/live/list';
import type { Provider } from '@/live/stream';

export const VIEWS = ['hosts', 'folders', 'networks', 'datastores'] as const;
export type View = (typeof VIEWS)[number];

/** A host that stands alone is told as a cluster of one: it is shown once. */
export type NodeKind = Kind | 'provider' | 'lone_host';

/** A list that gives children. */
export interface Ask {
  readonly kind: Kind;
  readonly params: ListParams;
}

export interface Node {
  readonly kind: NodeKind;
  readonly id: string;
}

const ask = (kind: Kind, params: ListParams): Ask => ({ kind, params });
const NONE = 'false';

/** The lists whose objects are the children of a node; none when it has no children. */
export function asksOf(view: View, { kind, id }: Node): readonly Ask[] {
  if (kind === 'vm') return [];
  switch (view) {
    case 'hosts':
      if (kind === 'provider') return [ask('zone', { provider_id: id }), ask('cluster', { provider_id: id, 'zone_id.exists': NONE }), ask('host', { provider_id: id, 'zone_id.exists': NONE, 'cluster_id.exists': NONE })];
      if (kind === 'zone') return [ask('cluster', { zone_id: id }), ask('host', { zone_id: id, 'cluster_id.exists': NONE })];
      if (kind === 'cluster') return [ask('host', { cluster_id: id }), ask('vm', { cluster_id: id, 'host_id.exists': NONE })];
      if (kind === 'lone_host') return [ask('vm', { cluster_id: id })];
      return kind === 'host' ? [ask('vm', { host_id: id })] : [];
    case 'folders':
      if (kind === 'provider') return [ask('zone', { provider_id: id }), ask('vm', { provider_id: id, 'folder_id.exists': NONE, 'zone_id.exists': NONE })];
      if (kind === 'zone') return [ask('folder', { zone_id: id, contains: 'vms', 'parent_id.exists': NONE }), ask('vm', { zone_id: id, 'folder_id.exists': NONE })];
      return kind === 'folder' ? [ask('folder', { parent_id: id, contains: 'vms' }), ask('vm', { folder_id: id })] : [];
    case 'networks':
      if (kind === 'provider') return [ask('zone', { provider_id: id }), ask('network', { provider_id: id, 'zone_id.exists': NONE })];
      if (kind === 'zone') return [ask('network', { zone_id: id })];
      return kind === 'network' ? [ask('vm', { network_ids: id })] : [];
    case 'datastores':
      if (kind === 'provider') return [ask('zone', { provider_id: id }), ask('datastore', { provider_id: id, 'zone_id.exists': NONE })];
      if (kind === 'zone') return [ask('datastore', { zone_id: id, 'parent_id.exists': NONE })];
      return kind === 'datastore' ? [ask('datastore', { parent_id: id }), ask('vm', { datastore_ids: id })] : [];
  }
}

interface Place {
  /** Where it stands: the ids from the root. An object may stand in several places. */
  readonly key: string;
  readonly level: number;
  readonly parent: string | undefined;
}

export type Row =
  | (Place & { type: 'node'; node: Node; name: string; object: Objects[Kind] | undefined; open: boolean; leaf: boolean; at: number; of: number })
  | (Place & { type: 'more'; ask: Ask; loaded: number })
  | (Place & { type: 'loading' | 'empty' });

export type Answers = (ask: Ask) => ListData | undefined;

export function nodeOf(kind: Kind, object: Objects[Kind]): Node {
  return kind === 'cluster' && (object as Objects['cluster']).standalone ? { kind: 'lone_host', id: object.id } : { kind, id: object.id };
}

/** The rows that are seen, from the top. */
export function rowsOf(view: View, providers: readonly Provider[], open: ReadonlyMap<string, Node>, answers: Answers): Row[] {
  const rows: Row[] = [];
  const put = (node: Node, name: string, object: Objects[Kind] | undefined, parent: string | undefined, level: number, at: number, of: number) => {
    const key = parent ? `${parent}/${node.id}` : node.id;
    const asks = asksOf(view, node);
    const isOpen = open.has(key) && asks.length > 0;
    rows.push({ type: 'node', key, level, parent, node, name, object, open: isOpen, leaf: asks.length === 0, at, of });
    if (isOpen) children(asks, key, level + 1);
  };
  const children = (asks: readonly Ask[], parent: string, level: number) => {
    const lists = asks.map((one) => ({ one, list: answers(one) }));
    const whole = lists.every(({ list }) => list && list.next === null);
    const of = whole ? lists.reduce((sum, { list }) => sum + (list?.rows.length ?? 0), 0) : -1;
    let at = 0;
    for (const { one, list } of lists) {
      for (const object of list?.rows ?? []) {
        at += 1;
        put(nodeOf(one.kind, object), (object as { name?: string }).name || object.id, object, parent, level, at, of);
      }
      if (list?.next) rows.push({ type: 'more', key: `${parent}/more-${one.kind}`, level, parent, ask: one, loaded: list.rows.length });
    }
    if (lists.some(({ list }) => !list)) rows.push({ type: 'loading', key: `${parent}/loading`, level, parent });
    else if (of === 0) rows.push({ type: 'empty', key: `${parent}/empty`, level, parent });
  };
  providers.forEach((provider, index) => put({ kind: 'provider', id: provider.id }, provider.name, undefined, undefined, 1, index + 1, providers.length));
  return rows;
}

/** What a key does in a tree: to which row it goes, and whether that is opened or closed. By the pattern of the ARIA guide. */
export function press(rows: readonly Row[], at: number, key: string): { to?: number; open?: boolean } | undefined {
  const row = rows[at];
  switch (key) {
    case 'ArrowDown':
      return { to: Math.min(rows.length - 1, at + 1) };
    case 'ArrowUp':
      return { to: Math.max(0, at - 1) };
    case 'Home':
      return { to: 0 };
    case 'End':
      return { to: rows.length - 1 };
    case 'ArrowRight':
      if (row?.type !== 'node' || row.leaf) return {};
      return row.open ? { to: Math.min(rows.length - 1, at + 1) } : { open: true };
    case 'ArrowLeft':
      if (row?.type === 'node' && row.open) return { open: false };
      return row?.parent ? { to: rows.findIndex((one) => one.key === row.parent) } : {};
    default: {
      if (key.length !== 1 || key === ' ') return undefined;
      // A letter goes to the next name that begins with it.
      const letter = key.toLowerCase();
      for (let step = 1; step <= rows.length; step += 1) {
        const index = (at + step) % rows.length;
        const one = rows[index];
        if (one?.type === 'node' && one.name.toLowerCase().startsWith(letter)) return { to: index };
      }
      return {};
    }
  }
}
