// What the overview reads: few summaries, from which every figure of it is made, and the datastores.
import { useQueries, useQuery, useQueryClient } from '@tanstack/react-query';
import { useEffect, useMemo } from 'react';
import type { Summary } from '@/api/client';
import type { Objects, Word } from '@/api/gen/fields';
import { countQuery, listQuery, loadMore, providersQuery, summaryQuery } from '@/api/queries';
import { CHECKS } from './checks';

const HOSTS = { group_by: 'provider_id,cluster_id', sum: 'cpu_core_count,memory_mib' };
const VMS = { group_by: 'provider_id,cluster_id,power_state', sum: 'vcpu_count,memory_mib' };
// A cluster of datastores is the sum of those in it: it is not counted again.
const STORES = { group_by: 'provider_id', sum: 'capacity_bytes,free_bytes', datastore_cluster: 'false' };

/** Which host is in which cluster. */
const PLACES = { group_by: 'cluster_id,id' };
const BY_FREE = { sort: 'free_bytes' };
/** Datastores that are looked at one by one. */
const MOST = 2_000;

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

/** Whether everything that the overview begins with has been answered: shown at once, nothing of it moves what is beside it. */
export function useAnswers(): { isPending: boolean; error: unknown; again: () => void } {
  const summaries = useQueries({ queries: [summaryQuery('host', HOSTS), summaryQuery('vm', VMS), summaryQuery('datastore', STORES)] });
  const counts = useQueries({ queries: CHECKS.map(({ kind, params }) => countQuery(kind, params)) });
  const all = [useQuery(providersQuery), ...summaries, ...counts];
  const failed = all.filter(({ error, data }) => error && data === undefined);
  return { isPending: all.some((query) => query.isPending), error: failed[0]?.error, again: () => failed.forEach((query) => void query.refetch()) };
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

/** Every datastore, the fullest first, and whether these are all. The API has no filter by share, so that all are read; there are few. */
export function useDatastores(): { stores: readonly Objects['datastore'][]; whole: boolean } | undefined {
  const client = useQueryClient();
  const { data } = useQuery(listQuery('datastore', BY_FREE));
  const loaded = data?.rows.length ?? 0;
  const goesOn = Boolean(data?.next) && loaded < MOST;
  useEffect(() => {
    if (goesOn) loadMore(client, 'datastore', BY_FREE).catch(() => undefined);
  }, [client, goesOn, loaded]);
  return useMemo(() => data && { stores: data.rows, whole: data.next === null }, [data]);
}

/** What the hosts of each cluster reach: a datastore once for each cluster that it belongs to, and no cluster of datastores besides those in it. */
export function spaceOfClusters(stores: readonly Objects['datastore'][], hosts: Summary): ReadonlyMap<string, Space> {
  const clusterOf = new Map(hosts.groups.map(({ key }) => [key.id ?? '', key.cluster_id]));
  const clusters = new Map<string, Space>();
  for (const store of stores) {
    if (store.datastore_cluster) continue;
    for (const cluster of new Set(store.hosts.map(({ host_id }) => clusterOf.get(host_id)))) {
      if (!cluster) continue;
      const of = clusters.get(cluster) ?? { count: 0, capacity: 0, free: 0 };
      clusters.set(cluster, of);
      of.count += 1;
      of.capacity += store.capacity_bytes ?? 0;
      of.free += store.free_bytes ?? 0;
    }
  }
  return clusters;
}

/** The storage of each cluster; nothing where there is too much of it to be told. */
export function useClusterSpace(): ReadonlyMap<string, Space> | undefined {
  const { data: hosts } = useQuery(summaryQuery('host', PLACES));
  const all = useDatastores();
  return useMemo(() => (hosts && all?.whole ? spaceOfClusters(all.stores, hosts) : undefined), [hosts, all]);
}
