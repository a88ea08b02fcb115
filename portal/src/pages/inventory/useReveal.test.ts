import { expect, it } from 'vitest';
import type { Objects } from '@/api/gen/fields';
import { pathTo } from './useReveal';

const object = (fields: object) => fields as Objects['vm'];
const cluster = (standalone: boolean) => ({ id: 'c', standalone }) as Objects['cluster'];
const keys = (path: ReturnType<typeof pathTo>) => path?.map(({ kind, id }) => `${kind} ${id}`);

it('leads from the platform down to where an object stands', () => {
  const vm = object({ provider_id: 'p', zone_id: 'z', cluster_id: 'c', host_id: 'h' });
  expect(keys(pathTo('vm', vm, undefined)), 'what the cluster is, is not known yet').toBeUndefined();
  expect(keys(pathTo('vm', vm, cluster(false)))).toEqual(['provider p', 'zone z', 'cluster c', 'host h']);
  expect(keys(pathTo('vm', vm, cluster(true)))).toEqual(['provider p', 'zone z', 'lone_host c']);
  expect(keys(pathTo('host', vm as unknown as Objects['host'], cluster(false)))).toEqual(['provider p', 'zone z', 'cluster c']);
  expect(keys(pathTo('vm', object({ provider_id: 'p', host_id: 'h' }), undefined))).toEqual(['provider p', 'host h']);
  expect(keys(pathTo('zone', object({ provider_id: 'p' }), undefined))).toEqual(['provider p']);
});
