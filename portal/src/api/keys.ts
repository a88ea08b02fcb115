// The keys of the queries: what the live layer finds them by.
import type { ListParams } from './client';
import type { Kind, Objects } from './gen/fields';

export interface ObjectData<K extends Kind = Kind> {
  object: Objects[K];
  /** It was there and is no more. */
  gone: boolean;
}

export const keys = {
  session: () => ['session'] as const,
  providers: () => ['providers'] as const,
  list: (kind: Kind, params: ListParams) => ['list', kind, params] as const,
  object: (kind: Kind, id: string) => ['object', kind, id] as const,
  name: (kind: Kind, id: string) => ['name', kind, id] as const,
  count: (kind: Kind, params: ListParams) => ['count', kind, params] as const,
  summary: (kind: Kind, params: ListParams) => ['summary', kind, params] as const,
};
