// What is said of a provider as a whole, out of its sources.
import { queryOptions, useQuery } from '@tanstack/react-query';
import { api, data } from '@/api/client';
import type { Kind, Word } from '@/api/gen/fields';
import type { components } from '@/api/gen/schema';
import { providersQuery } from '@/api/queries';

export type Provider = components['schemas']['Provider'];
export type Source = components['schemas']['Source'];
export type Check = components['schemas']['Check'];
export type TestReport = components['schemas']['TestReport'];
export type State = Source['sync']['state'] & Word;

/** The gravest first: what a provider with several sources is told by. */
const GRAVITY: readonly State[] = ['unreachable', 'lagging', 'connecting', 'loading', 'disabled', 'live'];

/** The states of its sources with how many are in each, the gravest first. */
export function statesOf(provider: Provider): { state: State; count: number }[] {
  return GRAVITY.map((state) => ({ state, count: provider.sources.filter((source) => source.sync.state === state).length })).filter(({ count }) => count > 0);
}

/** Since when what is shown is no longer known to be true: the oldest of its sources. */
export function observedAt(provider: Provider): string | undefined {
  const times = provider.sources.map((source) => source.sync.observed_at);
  if (times.length === 0 || times.some((time) => !time)) return times.find((time) => time) ?? undefined;
  return times.reduce((oldest, time) => (time! < oldest! ? time : oldest)) ?? undefined;
}

/** When a connection is tried next. */
export function nextTryAt(provider: Provider): string | undefined {
  const times = provider.sources.flatMap((source) => source.sync.next_try_at ?? []);
  return times.length === 0 ? undefined : times.reduce((soonest, time) => (time < soonest ? time : soonest));
}

export function quarantinedCount(provider: Provider): number {
  return provider.sources.reduce((sum, source) => sum + source.quarantined_count, 0);
}

/** The kinds that a provider's objects are counted by, in the order in which people ask. */
export const FOUND: readonly Kind[] = [
  'vm', 'host', 'cluster', 'datastore', 'network', 'volume', 'nic', 'snapshot', 'image', 'resource_pool', 'folder', 'zone', 'tag', 'storage_policy', 'content_library',
];

/** One provider, as the change stream tells it. */
export function useProvider(id: string) {
  const { data: providers, error, isPending, refetch } = useQuery(providersQuery);
  return { provider: providers?.find((provider) => provider.id === id), error, isPending, refetch };
}

/** What is left out. Asked again when the number of it changes. */
export function quarantineQuery(provider: Provider) {
  return queryOptions({
    queryKey: ['quarantine', provider.id, provider.sources.map((source) => source.quarantined_count).join()] as const,
    queryFn: async ({ signal }) => (await data(api.GET('/v1/providers/{id}/quarantine', { params: { path: { id: provider.id } }, signal }))).items,
    staleTime: 10_000,
  });
}

/** What the platform can do. Asked again when its version changes. */
export function capabilitiesQuery(provider: Provider) {
  return queryOptions({
    queryKey: ['capabilities', provider.id, provider.sources.map((source) => source.identity?.version).join()] as const,
    queryFn: async ({ signal }) => (await data(api.GET('/v1/providers/{id}/capabilities', { params: { path: { id: provider.id } }, signal }))).items,
    staleTime: 60_000,
  });
}
