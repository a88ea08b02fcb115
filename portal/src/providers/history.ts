// The history of a provider's sync states: how it is read, and what of it is said.
import { infiniteQueryOptions } from '@tanstack/react-query';
import { api, data } from '@/api/client';
import type { components } from '@/api/gen/schema';
import type { Provider } from './provider';

export type Period = components['schemas']['SyncPeriod'];
type Page = components['schemas']['SyncHistory'];

/** How often it is asked again while what just happened is not in it yet. It is written within some seconds. */
const AGAIN_MS = 1_500;
/** …for so long at most: a database that is gone writes nothing. */
const AGAIN_FOR_MS = 30_000;

/** The states of a provider's sources as they are shown: when this changes, there is more history. */
export function signature(provider: Provider): string {
  return provider.sources.map(({ id, sync }) => `${id} ${sync.state} ${sync.reason ?? ''}`).join();
}

/** Whether the newest entry of every source is the state that is shown. `entries` are the newest first. */
export function isUpToDate(provider: Provider, entries: readonly Period[]): boolean {
  return provider.sources.every(({ id, sync }) => {
    const newest = entries.find((entry) => entry.source_id === id);
    return newest !== undefined && newest.state === sync.state && (newest.reason ?? null) === (sync.reason ?? null);
  });
}

/** How long a state lasted, milliseconds. What still lasts, lasts until now; no clock that differs makes it negative. */
export function lasted(period: Period, now: number): number {
  return Math.max(0, (period.until ? Date.parse(period.until) : now) - Date.parse(period.since));
}

/** What is asked for: of one source, in one state, or all. */
export interface Asked {
  readonly source?: string;
  readonly state?: Period['state'];
}

/** Asked again when a state changes, until what changed is in it. */
export function historyQuery(provider: Provider, asked: Asked) {
  const began = Date.now();
  return infiniteQueryOptions({
    queryKey: ['history', provider.id, asked.source ?? '', asked.state ?? '', signature(provider)] as const,
    queryFn: async ({ signal, pageParam }): Promise<Page> => {
      const query = { source_id: asked.source, state: asked.state, page_token: pageParam ?? undefined };
      return data(api.GET('/v1/providers/{id}/history', { params: { path: { id: provider.id }, query }, signal }));
    },
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next_page_token ?? undefined,
    staleTime: 10_000,
    refetchInterval: ({ state: { data: loaded } }) => {
      const newest = loaded?.pages[0]?.items;
      const whole = !asked.source && !asked.state;
      return newest && whole && !isUpToDate(provider, newest) && Date.now() - began < AGAIN_FOR_MS ? AGAIN_MS : false;
    },
  });
}
