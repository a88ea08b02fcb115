// What an object is related to, in columns from what holds it to what it holds, and where each is drawn. Pure.
import type { ListParams } from '@/api/client';
import type { Kind, Objects } from '@/api/gen/fields';

/** Some objects of one noun: by their ids, or by a list. */
export type Group = { readonly kind: Kind } & ({ readonly ids: readonly string[] } | { readonly params: ListParams });

/** The columns, from left to right; one of them is the object itself. */
export type Columns = readonly (readonly Group[] | 'self')[];

type Ids = readonly (string | null | undefined)[] | null | undefined;
const ids = (kind: Kind, all: Ids): Group => ({ kind, ids: (all ?? []).filter((id): id is string => Boolean(id)) });
const list = (kind: Kind, params: ListParams): Group => ({ kind, params });
const hostsOf = (object: Objects['datastore'] | Objects['network']) => object.hosts.map((one) => (typeof one === 'string' ? one : (one as { host_id: string }).host_id));

/** The nouns that have such a picture, and what is in it. */
export const relations: { readonly [K in Kind]?: (object: Objects[K]) => Columns } = {
  vm: (vm) => [
    [ids('zone', [vm.zone_id])], [ids('cluster', [vm.cluster_id])], [ids('host', [vm.host_id])], 'self',
    [ids('network', vm.network_ids), ids('datastore', vm.datastore_ids)],
  ],
  host: (host) => [
    [ids('zone', [host.zone_id])], [ids('cluster', [host.cluster_id])], 'self',
    [list('vm', { host_id: host.id }), list('network', { hosts: host.id }), list('datastore', { hosts: host.id })],
  ],
  cluster: (cluster) => [[ids('zone', [cluster.zone_id])], 'self', [list('host', { cluster_id: cluster.id })]],
  datastore: (store) => [[ids('host', hostsOf(store))], 'self', [list('vm', { datastore_ids: store.id })]],
  network: (network) => [[ids('host', hostsOf(network))], 'self', [list('vm', { network_ids: network.id })]],
};

export const BOX = { width: 178, height: 46, gapX: 34, gapY: 12, head: 4 } as const;

export interface Spot {
  readonly x: number;
  readonly y: number;
}
export interface Drawing {
  readonly spots: readonly (readonly Spot[])[];
  readonly width: number;
  readonly height: number;
  /** Lines between neighbours, as paths of SVG. */
  readonly lines: readonly string[];
}

/** What stands beside a tall column stays this near to the top, so that it is in sight. */
const HIGHEST = 220;

/** Places columns of so many boxes side by side, each in the middle of the height, if that is not too far down. Columns without boxes take no room. */
export function draw(counts: readonly number[]): Drawing {
  const tallest = Math.max(1, ...counts);
  const height = BOX.head + tallest * (BOX.height + BOX.gapY) - BOX.gapY + 8;
  let x = 0;
  const spots = counts.map((count) => {
    if (count === 0) return [];
    const own = count * (BOX.height + BOX.gapY) - BOX.gapY;
    const top = BOX.head + Math.min(HIGHEST, (height - BOX.head - own) / 2);
    const column = Array.from({ length: count }, (_, index): Spot => ({ x, y: top + index * (BOX.height + BOX.gapY) }));
    x += BOX.width + BOX.gapX;
    return column;
  });
  const lines: string[] = [];
  const line = (from: Spot, to: Spot) => {
    const [x1, y1, x2, y2] = [from.x + BOX.width, from.y + BOX.height / 2, to.x, to.y + BOX.height / 2];
    const middle = (x1 + x2) / 2;
    lines.push(`M${x1} ${y1}C${middle} ${y1} ${middle} ${y2} ${x2} ${y2}`);
  };
  const filled = spots.filter((column) => column.length > 0);
  for (let at = 0; at + 1 < filled.length; at += 1) {
    const [left, right] = [filled[at]!, filled[at + 1]!];
    for (const from of left) for (const to of right) line(from, to);
  }
  return { spots, width: Math.max(BOX.width, x - BOX.gapX), height, lines };
}
