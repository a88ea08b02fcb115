import { describe, expect, it } from 'vitest';
import type { Kind, Objects } from '@/api/gen/fields';
import type { ListData } from '@/live/list';
import type { Provider } from '@/live/stream';
import { asksOf, press, rowsOf, type Ask, type Node } from './tree';

const provider = { id: 'p', name: 'lab' } as Provider;
const object = (id: string, more: object = {}) => ({ id, name: id, ...more }) as unknown as Objects[Kind];
const list = (rows: Objects[Kind][], next: string | null = null): ListData => ({ rows, next, revision: '1' });
const world: Record<string, ListData> = {
  'zone {"provider_id":"p"}': list([object('z')]),
  'cluster {"provider_id":"p","zone_id.exists":"false"}': list([]),
  'host {"provider_id":"p","zone_id.exists":"false","cluster_id.exists":"false"}': list([]),
  'cluster {"zone_id":"z"}': list([object('c'), object('esx-alone', { standalone: true })]),
  'host {"zone_id":"z","cluster_id.exists":"false"}': list([]),
  'host {"cluster_id":"c"}': list([object('h1'), object('h2')]),
  'vm {"cluster_id":"c","host_id.exists":"false"}': list([]),
  'vm {"host_id":"h1"}': list([object('web-1'), object('web-2')], 'more'),
  'vm {"host_id":"h2"}': list([]),
};
const answers = ({ kind, params }: Ask) => world[`${kind} ${JSON.stringify(params)}`];
const node = (kind: Node['kind'], id: string): Node => ({ kind, id });
const open = (...keys: [string, Node][]) => new Map(keys);
const all: [string, Node][] = [['p', node('provider', 'p')], ['p/z', node('zone', 'z')], ['p/z/c', node('cluster', 'c')], ['p/z/c/h1', node('host', 'h1')], ['p/z/c/h2', node('host', 'h2')]];

describe('the rows of the tree', () => {
  it('are the providers when nothing is open', () => {
    expect(rowsOf('hosts', [provider], open(), answers)).toMatchObject([{ type: 'node', key: 'p', level: 1, open: false, leaf: false }]);
  });

  it('go down as far as it is open', () => {
    const rows = rowsOf('hosts', [provider], open(...all), answers);
    expect(rows.map((row) => `${row.level} ${row.type === 'node' ? row.name : row.type}`)).toEqual([
      '1 lab', '2 z', '3 c', '4 h1', '5 web-1', '5 web-2', '5 more', '4 h2', '5 empty', '3 esx-alone',
    ]);
  });

  it('show a host that stands alone once, with its VMs', () => {
    const rows = rowsOf('hosts', [provider], open(all[0]!, all[1]!), answers);
    expect(rows.at(-1)).toMatchObject({ node: { kind: 'lone_host', id: 'esx-alone' } });
    expect(asksOf('hosts', node('lone_host', 'esx-alone'))).toEqual([{ kind: 'vm', params: { cluster_id: 'esx-alone' } }]);
  });

  it('say where they stand among their like, when that is known', () => {
    const rows = rowsOf('hosts', [provider], open(...all), answers);
    expect(rows.find((row) => row.key === 'p/z/c/h2')).toMatchObject({ at: 2, of: 2 });
    expect(rows.find((row) => row.key === 'p/z/c/h1/web-2')).toMatchObject({ at: 2, of: -1 });
  });

  it('say that they load', () => {
    expect(rowsOf('networks', [provider], open(['p', node('provider', 'p')]), (one) => (one.kind === 'zone' ? undefined : list([]))).at(-1)).toMatchObject({ type: 'loading', level: 2 });
  });
});

describe('the keys of the tree', () => {
  const rows = rowsOf('hosts', [provider], open(...all), answers);
  const at = (key: string) => rows.findIndex((row) => row.key === key);

  it('open, go in, go out, and close', () => {
    const closed = rowsOf('hosts', [provider], open(), answers);
    expect(press(closed, 0, 'ArrowRight')).toEqual({ open: true });
    expect(press(rows, 0, 'ArrowRight')).toEqual({ to: 1 });
    expect(press(rows, at('p/z/c/h1/web-2'), 'ArrowLeft')).toEqual({ to: at('p/z/c/h1') });
    expect(press(rows, at('p/z/c/h1'), 'ArrowLeft')).toEqual({ open: false });
    expect(press(rows, at('p/z/c/h1/web-1'), 'ArrowRight')).toEqual({});
  });

  it('stay within it', () => {
    expect(press(rows, 0, 'ArrowUp')).toEqual({ to: 0 });
    expect(press(rows, rows.length - 1, 'ArrowDown')).toEqual({ to: rows.length - 1 });
    expect(press(rows, 3, 'End')).toEqual({ to: rows.length - 1 });
    expect(press(rows, 3, 'Tab')).toBeUndefined();
  });

  it('find names by their first letter', () => {
    expect(press(rows, 0, 'w')).toEqual({ to: at('p/z/c/h1/web-1') });
    expect(press(rows, at('p/z/c/h1/web-1'), 'W')).toEqual({ to: at('p/z/c/h1/web-2') });
  });
});
