import { describe, expect, it } from 'vitest';
import type { Objects } from '@/api/gen/fields';
import { figuresOf, spaceOfClusters } from './data';

const group = (key: Record<string, string | null>, count: number, sums: Record<string, number>) => ({ key, count, sums });

describe('the figures of the overview', () => {
  const hosts = { revision: '1', groups: [
    group({ provider_id: 'p', cluster_id: 'c' }, 2, { cpu_core_count: 64, memory_mib: 2048 }),
    group({ provider_id: 'p', cluster_id: null }, 1, { cpu_core_count: 16, memory_mib: 512 }),
    group({ provider_id: 'q', cluster_id: 'd' }, 1, {}),
  ] };
  const vms = { revision: '1', groups: [
    group({ provider_id: 'p', cluster_id: 'c', power_state: 'running' }, 3, { vcpu_count: 12, memory_mib: 1024 }),
    group({ provider_id: 'p', cluster_id: 'c', power_state: 'stopped' }, 2, { vcpu_count: 8, memory_mib: 4096 }),
    group({ provider_id: 'q', cluster_id: 'd', power_state: 'stopped' }, 1, { vcpu_count: 1 }),
  ] };
  const figures = figuresOf(hosts, vms);

  it('add up for providers and for clusters', () => {
    expect(figures.providers.get('p')).toEqual({ hosts: 3, vms: 5, running: 3, cores: 80, vcpus: 12, memoryMib: 2560, givenMib: 1024 });
    expect(figures.clusters.get('p')?.get('c')).toMatchObject({ hosts: 2, cores: 64, vcpus: 12, givenMib: 1024 });
    expect(figures.clusters.get('p')?.size).toBe(1);
  });

  it('count only what runs as used', () => {
    expect(figures.providers.get('q')).toMatchObject({ vms: 1, running: 0, vcpus: 0, givenMib: 0, cores: 0 });
    expect([...figures.power]).toEqual([['running', 3], ['stopped', 3]]);
  });
});

describe('the storage of clusters', () => {
  const hosts = { revision: '1', groups: [
    group({ cluster_id: 'c', id: 'h1' }, 1, {}), group({ cluster_id: 'c', id: 'h2' }, 1, {}), group({ cluster_id: 'd', id: 'h3' }, 1, {}), group({ cluster_id: null, id: 'h4' }, 1, {}),
  ] };
  const store = (reached: string[], more: object) => ({ hosts: reached.map((host_id) => ({ host_id, accessible: true })), ...more }) as unknown as Objects['datastore'];

  it('is what their hosts reach, each datastore once', () => {
    const space = spaceOfClusters([
      store(['h1', 'h2'], { capacity_bytes: 100, free_bytes: 40 }),
      store(['h2', 'h3'], { capacity_bytes: 10, free_bytes: 10 }),
      store(['h4'], { capacity_bytes: 7, free_bytes: 7 }),
      store(['h1'], { capacity_bytes: 110, free_bytes: 50, datastore_cluster: true }),
      store(['h3'], {}),
    ], hosts);
    expect([...space]).toEqual([['c', { count: 2, capacity: 110, free: 50 }], ['d', { count: 2, capacity: 10, free: 10 }]]);
  });
});
