// What changed in an object: how it is read, and what of it is said.
import { infiniteQueryOptions } from '@tanstack/react-query';
import { getChanges } from '@/api/client';
import type { Kind, Objects } from '@/api/gen/fields';
import type { components } from '@/api/gen/schema';

export type Change = components['schemas']['ObjectChange'];
export type FieldChange = components['schemas']['FieldChange'];

/** How many are read at once. */
const PAGE = 50;

/** Asked again when the object changes: its revision is another then. */
export function changesQuery<K extends Kind>(kind: K, object: Objects[K], gone: boolean) {
  return infiniteQueryOptions({
    queryKey: ['changes', kind, object.id, object.revision, gone] as const,
    queryFn: ({ signal, pageParam }) => getChanges(kind, object.id, { limit: PAGE, page_token: pageParam ?? undefined }, signal),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next_page_token ?? undefined,
    staleTime: 60_000,
  });
}

/** A value that is there. */
export function isTold(value: unknown): boolean {
  return value !== undefined && value !== null && value !== '' && !(Array.isArray(value) && value.length === 0);
}

type Scalar = string | number | boolean;

function isList(value: unknown): value is Scalar[] {
  return Array.isArray(value) && value.every((one) => ['string', 'number', 'boolean'].includes(typeof one));
}

/** Of two lists what came and what went. `null` when they are no lists of plain values, or only their order differs. */
export function listDifference(before: unknown, after: unknown): { came: Scalar[]; went: Scalar[] } | null {
  const [from, to] = [before ?? [], after ?? []];
  if (!isList(from) || !isList(to) || (!Array.isArray(before) && !Array.isArray(after))) return null;
  const came = to.filter((one) => !from.includes(one));
  const went = from.filter((one) => !to.includes(one));
  return came.length + went.length === 0 ? null : { came, went };
}

/** The object as it had one field, for showing a value as the field is shown elsewhere. */
export function withField<K extends Kind>(object: Objects[K], field: string, value: unknown): Objects[K] {
  const members = Object.entries(object).filter(([name]) => name !== `last_known_${field}`);
  return { ...Object.fromEntries(members), [field]: value } as unknown as Objects[K];
}
