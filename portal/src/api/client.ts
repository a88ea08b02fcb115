// The calls to the gateway. The cookie signs them in; what changes something carries the header that proves that this page
// sent it. Every failure is thrown as a ProblemError.
import createClient, { type Middleware } from 'openapi-fetch';
import type { components, paths as Paths } from './gen/schema';
import { paths, type Kind, type Objects } from './gen/fields';
import { problemOf } from './problem';

type Listener = () => void;
const signedOut = new Set<Listener>();

/** Calls the listener when the gateway says that nobody is signed in any more. */
export function onSignedOut(listener: Listener): () => void {
  signedOut.add(listener);
  return () => signedOut.delete(listener);
}

export function tellSignedOut(): void {
  signedOut.forEach((listener) => listener());
}

const guard: Middleware = {
  onRequest({ request }) {
    if (request.method !== 'GET') request.headers.set('x-spandrel-portal', '1');
    return request;
  },
  async onResponse({ response, schemaPath }) {
    if (response.ok || response.status === 304) return;
    const error = await problemOf(response);
    if (error.slug === 'unauthenticated' && schemaPath !== '/v1/session') tellSignedOut();
    throw error;
  },
};

/** The typed client of every operation: `api.GET('/v1/providers')`. */
export const api = createClient<Paths>({ baseUrl: location.origin, fetch: (request) => globalThis.fetch(request) });
api.use(guard);

/** The data of an answer that the middleware has let through. */
export async function data<T>(call: Promise<{ data?: T; error?: unknown }>): Promise<T> {
  return (await call).data as T;
}

/** Query parameters of a list as the API takes them: filters by name, and `q`, `sort`. */
export type ListParams = Readonly<Record<string, string>>;

export interface Page<K extends Kind> {
  items: Objects[K][];
  next_page_token: string | null;
  revision: string;
}

async function read<T>(path: string, params: Record<string, string | undefined>, signal?: AbortSignal): Promise<T> {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(params)) if (value !== undefined) query.set(name, value);
  const text = query.toString();
  const response = await fetch(text ? `${path}?${text}` : path, { signal, headers: { accept: 'application/json' } });
  if (!response.ok) {
    const error = await problemOf(response);
    if (error.slug === 'unauthenticated') tellSignedOut();
    throw error;
  }
  return (await response.json()) as T;
}

export interface PageRequest {
  limit?: number;
  page_token?: string;
  min_revision?: string;
}

/** One page of a noun. */
export function listPage<K extends Kind>(kind: K, params: ListParams, page: PageRequest, signal?: AbortSignal) {
  const { limit, ...rest } = page;
  return read<Page<K>>(`/v1/${paths[kind]}`, { ...params, ...rest, limit: limit?.toString() }, signal);
}

/** One object. */
export function getObject<K extends Kind>(kind: K, id: string, signal?: AbortSignal) {
  return read<Objects[K]>(`/v1/${paths[kind]}/${encodeURIComponent(id)}`, {}, signal);
}

/** A page of what changed in an object. */
export function getChanges(kind: Kind, id: string, { limit, page_token }: PageRequest, signal?: AbortSignal) {
  return read<components['schemas']['ObjectChanges']>(`/v1/${paths[kind]}/${encodeURIComponent(id)}/changes`, { limit: limit?.toString(), page_token }, signal);
}

/** How many there are. */
export function countObjects(kind: Kind, params: ListParams, signal?: AbortSignal) {
  const filters = Object.fromEntries(Object.entries(params).filter(([name]) => name !== 'sort'));
  return read<{ count: number; revision: string }>(`/v1/${paths[kind]}/count`, filters, signal);
}

export interface Summary {
  groups: { key: Record<string, string | null>; count: number; sums: Record<string, number> }[];
  revision: string;
}

/** Counts and sums by group. `params` holds `group_by`, `sum`, and filters. */
export function summarizeObjects(kind: Kind, params: ListParams, signal?: AbortSignal) {
  return read<Summary>(`/v1/${paths[kind]}/summary`, params, signal);
}
