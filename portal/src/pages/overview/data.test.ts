import { describe, expect, it } from 'vitest';
import { figuresOf } from './data';

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
