// What the overview reads: few summaries, from which every figure of it is made.
import { useQuery } from '@tanstack/react-query';
import type { Summary } from '@/api/client';
import type { Word } from '@/api/gen/fields';
import { summaryQuery } from '@/api/queries';

const HOSTS = { group_by: 'provider_id,cluster_id', sum: 'cpu_core_count,memory_mib' };
const VMS = { group_by: 'provider_id,cluster_id,power_state', sum: 'vcpu_count,memory_mib' };
// A cluster of datastores is the sum of those in it: it is not counted again.
const STORES = { group_by: 'provider_id', sum: 'capacity_bytes,free_bytes', datastore_cluster: 'false' };

export interface Capacity {
  hosts: number;
  vms: number;
  running: number;
  cores: number;
  /** vCPUs of what runs. */
  vcpus: number;
  memoryMib: number;
  /** Memory of what runs. */
  givenMib: number;
}

export interface Figures {
  providers: ReadonlyMap<string, Capacity>;
  /** By provider, then by cluster. */
  clusters: ReadonlyMap<string, ReadonlyMap<string, Capacity>>;
  power: ReadonlyMap<Word, number>;
}

const nothing = (): Capacity => ({ hosts: 0, vms: 0, running: 0, cores: 0, vcpus: 0, memoryMib: 0, givenMib: 0 });

/** The figures out of the summaries of hosts and of VMs. */
export function figuresOf(hosts: Summary, vms: Summary): Figures {
  const providers = new Map<string, Capacity>();
  const clusters = new Map<string, Map<string, Capacity>>();
  const power = new Map<Word, number>();
  const each = (key: Record<string, string | null>, add: (to: Capacity) => void) => {
    const provider = key.provider_id ?? '';
    const of = providers.get(provider) ?? nothing();
    providers.set(provider, of);
    add(of);
    if (!key.cluster_id) return;
    const within = clusters.get(provider) ?? new Map<string, Capacity>();
    clusters.set(provider, within);
    const cluster = within.get(key.cluster_id) ?? nothing();
    within.set(key.cluster_id, cluster);
    add(cluster);
  };
  for (const { key, count, sums } of hosts.groups) {
    each(key, (to) => {
      to.hosts += count;
      to.cores += sums.cpu_core_count ?? 0;
      to.memoryMib += sums.memory_mib ?? 0;
    });
  }
  for (const { key, count, sums } of vms.groups) {
    const state = (key.power_state ?? 'unknown') as Word;
    power.set(state, (power.get(state) ?? 0) + count);
    each(key, (to) => {
      to.vms += count;
      if (state !== 'running') return;
      to.running += count;
      to.vcpus += sums.vcpu_count ?? 0;
      to.givenMib += sums.memory_mib ?? 0;
    });
  }
  return { providers, clusters, power };
}

export function useFigures(): Figures | undefined {
  const { data: hosts } = useQuery(summaryQuery('host', HOSTS));
  const { data: vms } = useQuery(summaryQuery('vm', VMS));
  return hosts && vms ? figuresOf(hosts, vms) : undefined;
}

export interface Space {
  count: number;
  capacity: number;
  free: number;
}

/** The storage of each provider. */
export function useSpace(): ReadonlyMap<string, Space> | undefined {
  const { data } = useQuery(summaryQuery('datastore', STORES));
  return data && new Map(data.groups.map(({ key, count, sums }) => [key.provider_id ?? '', { count, capacity: sums.capacity_bytes ?? 0, free: sums.free_bytes ?? 0 }]));
}
