// Tenants, projects, who signs in, and who may do what: how they are read. No stream tells of them; what changes one of them
// here has all read again (`useAccessAgain`), what changes elsewhere shows after a moment, or when the stream says that the
// reader's own rights changed.
import { queryOptions, useQuery, useQueryClient } from '@tanstack/react-query';
import { useCallback } from 'react';
import { api, data } from '@/api/client';
import type { components } from '@/api/gen/schema';
import { sessionQuery } from '@/api/queries';

type Schemas = components['schemas'];
export type Tenant = Schemas['Tenant'];
export type Project = Schemas['Project'];
export type User = Schemas['User'];
export type Group = Schemas['Group'];
export type Role = Schemas['Role'];
export type Binding = Schemas['Binding'];
export type Subject = Schemas['Subject'];
export type Scope = Schemas['BindingScope'];
export type Permission = Schemas['Permission'];
export type Impact = Schemas['ImpactAnswer'];
export type Rule = Schemas['OwnershipRule'];
export type Condition = Schemas['RuleCondition'];
export type Ownership = Schemas['OwnershipAnswer'];

/** The id of the platform: the root of all tenants. */
export const PLATFORM = '00000000-0000-0000-0000-000000000001';
/** The first member of the keys of all that is read here. */
export const ACCESS = 'access';
const FRESH_MS = 10_000;
/** Rows that the API gives at once at most, and that are read in all. */
const PAGE = 1_000;
const MOST = 20_000;

interface Paged<T> {
  items: T[];
  next_page_token?: string | null;
}

/** All pages of a list, in their order. */
export async function allPages<T>(read: (page_token: string | undefined) => Promise<Paged<T>>): Promise<T[]> {
  const items: T[] = [];
  let token: string | undefined;
  do {
    const page = await read(token);
    items.push(...page.items);
    token = page.next_page_token ?? undefined;
  } while (token !== undefined && items.length < MOST);
  return items;
}

const options = <T>(key: readonly unknown[], queryFn: (signal: AbortSignal) => Promise<T>) =>
  queryOptions({ queryKey: [ACCESS, ...key] as const, queryFn: ({ signal }) => queryFn(signal), staleTime: FRESH_MS });

export const tenantsQuery = options(['tenants'], (signal) =>
  allPages((page_token) => data(api.GET('/v1/tenants', { params: { query: { limit: PAGE, page_token } }, signal }))));
export const projectsQuery = options(['projects'], (signal) =>
  allPages((page_token) => data(api.GET('/v1/projects', { params: { query: { limit: PAGE, page_token } }, signal }))));
export const usersQuery = options(['users'], (signal) =>
  allPages((page_token) => data(api.GET('/v1/users', { params: { query: { limit: PAGE, page_token } }, signal }))));
export const groupsQuery = options(['groups'], (signal) =>
  allPages((page_token) => data(api.GET('/v1/groups', { params: { query: { limit: PAGE, page_token } }, signal }))));
export const rolesQuery = options(['roles'], (signal) =>
  allPages((page_token) => data(api.GET('/v1/roles', { params: { query: { limit: PAGE, page_token } }, signal }))));
export const permissionsQuery = options(['permissions'], async (signal) => (await data(api.GET('/v1/permissions', { signal }))).items);
export const rulesQuery = options(['rules'], async (signal) => (await data(api.GET('/v1/ownership-rules', { signal }))).items);

/** The bindings that hold in this very tenant or project; of all places without one. */
export const bindingsQuery = (scope_id?: string) =>
  options(['bindings', scope_id ?? ''], (signal) =>
    allPages((page_token) => data(api.GET('/v1/bindings', { params: { query: { limit: PAGE, page_token, scope_id } }, signal }))));

export const tenantQuery = (id: string) => options(['tenant', id], (signal) => data(api.GET('/v1/tenants/{id}', { params: { path: { id } }, signal })));
export const projectQuery = (id: string) => options(['project', id], (signal) => data(api.GET('/v1/projects/{id}', { params: { path: { id } }, signal })));
export const userQuery = (id: string) => options(['user', id], (signal) => data(api.GET('/v1/users/{id}', { params: { path: { id } }, signal })));
export const groupQuery = (id: string) => options(['group', id], (signal) => data(api.GET('/v1/groups/{id}', { params: { path: { id } }, signal })));
export const roleQuery = (id: string) => options(['role', id], (signal) => data(api.GET('/v1/roles/{id}', { params: { path: { id } }, signal })));
export const ruleQuery = (id: string) => options(['rule', id], (signal) => data(api.GET('/v1/ownership-rules/{id}', { params: { path: { id } }, signal })));

/** What removing or suspending would concern. */
export const impactQuery = (kind: 'tenant' | 'project', id: string) =>
  options(['impact', kind, id], (signal) =>
    kind === 'tenant'
      ? data(api.GET('/v1/tenants/{id}/impact', { params: { path: { id } }, signal }))
      : data(api.GET('/v1/projects/{id}/impact', { params: { path: { id } }, signal })));

/** Whose a machine is, and why. Asked again when it goes to another project. */
export const ownerQuery = (id: string, project_id: string | null | undefined) =>
  options(['owner', id, project_id ?? ''], (signal) => data(api.GET('/v1/vms/{id}/owner', { params: { path: { id } }, signal })));

/** Has all of it read again: after something was changed, or removed; what was asked of the removed alone is not asked again. */
export function useAccessAgain(): (removed?: string) => Promise<void> {
  const client = useQueryClient();
  return useCallback(
    (removed?: string) => client.invalidateQueries({ queryKey: [ACCESS], predicate: ({ queryKey }) => removed === undefined || !queryKey.includes(removed) }),
    [client],
  );
}

/** Whether who is signed in may do something anywhere. Where exactly, the API says when it is tried. */
export function useMay(permission: Permission): boolean {
  const { data: session } = useQuery(sessionQuery);
  return session?.permissions.includes(permission) ?? false;
}
