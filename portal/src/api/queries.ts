// The queries of the portal: their keys, and how they are read. The keys are what the live layer finds them by.
import { queryOptions, type QueryClient } from '@tanstack/react-query';
import { LiveCache } from '@/live/cache';
import { appendPage, type ListData } from '@/live/list';
import { api, countObjects, data, getObject, listPage, summarizeObjects, type ListParams, type Summary } from './client';
import type { Kind } from './gen/fields';
import type { components } from './gen/schema';
import { keys, type ObjectData } from './keys';
import { ProblemError } from './problem';

export { keys, type ObjectData };

export type Session = components['schemas']['SessionAnswer'];

/** Rows of a first page, and of each that is loaded after it. */
export const PAGE = 100;
/** Rows that the API gives at once at most. */
const MOST = 1_000;
/** Rows that are read again at most; a list that is longer is cut, and loads on as it is scrolled. */
const AGAIN_MOST = 5_000;

let live: LiveCache | undefined;

/** The live cache of the application. */
export function liveCache(client: QueryClient): LiveCache {
  live ??= new LiveCache(client);
  return live;
}

/** An answer that will be overtaken by what is told until it is there. */
function following<T>(ask: () => Promise<T>): Promise<T> {
  return live ? live.during(ask) : ask();
}

/** Who is signed in; `null` when nobody is. */
export const sessionQuery = queryOptions({
  queryKey: keys.session(),
  queryFn: async (): Promise<Session | null> => {
    try {
      return await data(api.GET('/v1/session'));
    } catch (error) {
      if (error instanceof ProblemError && error.status === 401) return null;
      throw error;
    }
  },
});

export const providersQuery = queryOptions({
  queryKey: keys.providers(),
  queryFn: async () => (await data(api.GET('/v1/providers'))).items,
});

/** A list as far as it is loaded. Read again, it is read as far as it was. */
export function listQuery<K extends Kind>(kind: K, params: ListParams) {
  return queryOptions({
    queryKey: keys.list(kind, params),
    queryFn: ({ client, signal }) => following(async (): Promise<ListData<K>> => {
      const before = client.getQueryData<ListData<K>>(keys.list(kind, params));
      const wanted = Math.min(AGAIN_MOST, Math.max(PAGE, before?.rows.length ?? 0));
      const min_revision = live?.minRevision;
      const first = await listPage(kind, params, { limit: Math.min(MOST, wanted), min_revision }, signal);
      let list: ListData<K> = { rows: first.items, next: first.next_page_token, revision: first.revision };
      while (list.next !== null && list.rows.length < wanted) {
        const limit = Math.min(MOST, wanted - list.rows.length);
        list = appendPage(list, await listPage(kind, params, { limit, page_token: list.next }, signal));
      }
      return live ? live.overtake(list) : list;
    }),
  });
}

const loading = new Map<string, Promise<void>>();

/** Loads the next page to the end of a list. */
export function loadMore<K extends Kind>(client: QueryClient, kind: K, params: ListParams): Promise<void> {
  const key = keys.list(kind, params);
  const list = client.getQueryData<ListData<K>>(key);
  if (!list?.next) return Promise.resolve();
  const hash = JSON.stringify(key);
  const running = loading.get(hash);
  if (running) return running;
  const from = list.next;
  // Each page is as long as what is loaded, so that the end of a long list is reached in few steps.
  const limit = Math.min(MOST, Math.max(PAGE, list.rows.length));
  const promise = following(async () => {
    const page = await listPage(kind, params, { limit, page_token: from });
    client.setQueryData<ListData<K>>(key, (now) => {
      if (!now || now.next !== from) return now;
      const appended = appendPage(now, page);
      return live ? live.overtake(appended) : appended;
    });
  })
    .catch(async (error: unknown) => {
      // The order or the gateway's key changed: the place is no place any more.
      if (error instanceof ProblemError && error.slug === 'invalid-page-token') await client.invalidateQueries({ queryKey: key });
      else throw error;
    })
    .finally(() => loading.delete(hash));
  loading.set(hash, promise);
  return promise;
}

export function objectQuery<K extends Kind>(kind: K, id: string) {
  return queryOptions({
    queryKey: keys.object(kind, id),
    queryFn: ({ client, signal }) => following(async (): Promise<ObjectData<K>> => {
      try {
        const object = await getObject(kind, id, signal);
        const now = live ? live.overtakeObject(object) : object;
        return now ? { object: now, gone: false } : { object, gone: true };
      } catch (error) {
        const before = client.getQueryData<ObjectData<K>>(keys.object(kind, id));
        // What was shown a moment ago stays to be read, marked as gone.
        if (before && error instanceof ProblemError && error.status === 404) return { ...before, gone: true };
        throw error;
      }
    }),
  });
}

export function countQuery(kind: Kind, params: ListParams) {
  return queryOptions({
    queryKey: keys.count(kind, params),
    queryFn: async ({ signal }) => (await countObjects(kind, params, signal)).count,
  });
}

export function summaryQuery(kind: Kind, params: ListParams) {
  return queryOptions({
    queryKey: keys.summary(kind, params),
    queryFn: ({ signal }): Promise<Summary> => summarizeObjects(kind, params, signal),
  });
}
