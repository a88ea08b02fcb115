// The names of objects that others point to. What is asked within a moment is asked in one call for each kind.
import { useQuery } from '@tanstack/react-query';
import { listPage } from './client';
import { paths, type Kind } from './gen/fields';
import { keys, providersQuery } from './queries';

type Waiting = Map<string, ((name: string | null) => void)[]>;

const TOGETHER_MS = 10;
/** Ids in one call: the address stays below 8 KiB. */
const AT_ONCE = 100;
/** What the API takes for an id. Anything else, as in an address that was typed, would have the others refused with it. */
const ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const waiting = new Map<Kind, Waiting>();

function ask(kind: Kind, id: string): Promise<string | null> {
  if (!ID.test(id)) return Promise.resolve(null);
  return new Promise((resolve) => {
    let ids = waiting.get(kind);
    if (!ids) {
      ids = new Map();
      waiting.set(kind, ids);
      setTimeout(() => {
        const batch = waiting.get(kind) ?? new Map();
        waiting.delete(kind);
        void answer(kind, batch);
      }, TOGETHER_MS);
    }
    ids.set(id, [...(ids.get(id) ?? []), resolve]);
  });
}

async function answer(kind: Kind, batch: Waiting): Promise<void> {
  const ids = [...batch.keys()];
  for (let from = 0; from < ids.length; from += AT_ONCE) {
    const some = ids.slice(from, from + AT_ONCE);
    const names = new Map<string, string>();
    try {
      const page = await listPage(kind, { id: some.join(',') }, { limit: AT_ONCE });
      for (const object of page.items) names.set(object.id, (object as { name?: string }).name ?? object.id);
    } catch {
      // Without names the ids are shown.
    }
    for (const id of some) batch.get(id)?.forEach((resolve) => resolve(names.get(id) ?? null));
  }
}

export function isKind(kind: string | undefined): kind is Kind {
  return kind !== undefined && kind in paths;
}

/** The name of an object; `undefined` until it is known, `null` when there is no such object. */
export function useName(kind: Kind, id: string | null | undefined): string | null | undefined {
  const { data } = useQuery({
    queryKey: keys.name(kind, id ?? ''),
    queryFn: () => ask(kind, id ?? ''),
    enabled: Boolean(id),
    staleTime: Infinity,
  });
  return id ? data : null;
}

/** The name of a provider. */
export function useProviderName(id: string | null | undefined): string | undefined {
  const { data } = useQuery(providersQuery);
  return data?.find((provider) => provider.id === id)?.name;
}
