// The audit log: how it is asked for, what its actions are called, and what an entry says has changed.
import { infiniteQueryOptions } from '@tanstack/react-query';
import type { TFunction } from 'i18next';
import { ACCESS } from '@/access/queries';
import { api, data } from '@/api/client';
import type { Kind } from '@/api/gen/fields';
import type { components, operations } from '@/api/gen/schema';
import type { Translation } from '@/i18n/types';

export type AuditEntry = components['schemas']['AuditEntry'];
type AuditParams = NonNullable<operations['audit_list']['parameters']['query']>;

/** Entries that are read at once. */
const PAGE = 50;
const FRESH_MS = 10_000;

/** What narrows the log, as it stands in the page's address; `from` and `to` are days of the reader's zone. */
export const FILTERS = ['actor', 'action', 'object_kind', 'object_id', 'result', 'door', 'tenant_id', 'request_id', 'from', 'to'] as const;
export type Filter = (typeof FILTERS)[number];
export type Filters = Partial<Record<Filter, string>>;

export function filtersOf(address: URLSearchParams): Filters {
  return Object.fromEntries(FILTERS.flatMap((name) => (address.get(name) ? [[name, address.get(name)!]] : [])));
}

/** The page of the log with these filters. */
export function auditPath(filters: Filters): string {
  return `/audit?${new URLSearchParams(filters as Record<string, string>).toString()}`;
}

/** The beginning of a day in the reader's zone, or of one after it; `undefined` for what is no day. */
function dayStart(day: string | undefined, after = 0): string | undefined {
  const [year, month, date] = /^(\d{4})-(\d\d)-(\d\d)$/.exec(day ?? '')?.slice(1).map(Number) ?? [];
  if (year === undefined || month === undefined || date === undefined) return undefined;
  return new Date(year, month - 1, date + after).toISOString();
}

/** The filters as the API takes them. */
export function paramsOf({ from, to, ...same }: Filters): AuditParams {
  const [first, end] = [dayStart(from), dayStart(to, 1)];
  return { ...same, ...(first && { 'at.gte': first }), ...(end && { 'at.lt': end }) } as AuditParams;
}

export function exportPath(filters: Filters): string {
  const query = new URLSearchParams(paramsOf(filters) as Record<string, string>).toString();
  return `/v1/audit/export${query && `?${query}`}`;
}

export const auditQuery = (filters: Filters) =>
  infiniteQueryOptions({
    queryKey: [ACCESS, 'audit', filters] as const,
    queryFn: ({ signal, pageParam }) =>
      data(api.GET('/v1/audit', { params: { query: { ...paramsOf(filters), limit: PAGE, ...(pageParam !== null && { page_token: pageParam }) } }, signal })),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next_page_token ?? undefined,
    staleTime: FRESH_MS,
  });

type Words = Translation['audit'];

/** What something of this kind is called within a sentence; `undefined` when it is not known. */
export function nounLabel(t: TFunction, kind: string): string | undefined {
  return t(`audit.nouns.${kind as keyof Words['nouns']}`, { defaultValue: t(`kinds.${kind as Kind}.inline`, { defaultValue: '' }) }) || undefined;
}

/** What was asked for, in the reader's language; what is not known as the API calls it. */
export function actionLabel(t: TFunction, action: string): string {
  const whole = t(`audit.actions.${action.replace('.', '_') as keyof Words['actions']}`, { defaultValue: '' });
  if (whole) return whole;
  const [kind = '', verb = ''] = action.split('.');
  const noun = nounLabel(t, kind);
  return (noun && t(`audit.verbs.${verb as keyof Words['verbs']}`, { noun, defaultValue: '' })) || action;
}

/** The actions that can be chosen to be shown: what changes something, and sign-ins. */
export const ACTIONS = [
  'login', 'logout', 'password.change',
  ...['tenant', 'project', 'user', 'group', 'role', 'ownership_rule', 'provider'].flatMap((noun) => ['create', 'edit', 'delete'].map((verb) => `${noun}.${verb}`)),
  'tenant.quota_set', 'project.quota_set', 'user.set_password', 'binding.create', 'binding.delete', 'token.create', 'user.token_create', 'token.delete', 'vm.owner_set', 'vm.owner_unset',
  'ownership.move', 'provider.test', 'provider.test_new', 'provider.trust', 'provider.resync',
] as const;

export const OBJECT_KINDS = ['session', 'tenant', 'project', 'user', 'group', 'role', 'binding', 'ownership_rule', 'provider', 'token', 'vm'] as const;

export interface Difference {
  /** Where it is: the member, and what is within it. */
  path: readonly string[];
  before?: unknown;
  after?: unknown;
}

type Members = Readonly<Record<string, unknown>>;

const isMembers = (value: unknown): value is Members => typeof value === 'object' && value !== null && !Array.isArray(value);
const isAbsent = (value: unknown) => value === undefined || value === null || value === '' || (Array.isArray(value) && value.length === 0);
/** What tells the members of a list apart, the first that all of them have. */
const NAMES = ['resource', 'id', 'field', 'name'] as const;
/** What changes with everything, or is shown beside it. */
const NOISE = new Set(['id', 'generation', 'created_at', 'updated_at']);

/** A list of things as members by their names, when each has one of its own. */
function byName(value: unknown): { name: string; members: Members } | undefined {
  if (!Array.isArray(value) || value.length === 0 || !value.every(isMembers)) return undefined;
  for (const name of NAMES) {
    const names = value.map((one) => one[name]);
    if (!names.every((one) => typeof one === 'string') || new Set(names).size < names.length) continue;
    return { name, members: Object.fromEntries(value.map((one) => [one[name] as string, Object.fromEntries(Object.entries(one).filter(([member]) => member !== name))])) };
  }
  return undefined;
}

/** What differs between two documents, member by member. */
export function differencesOf(before: unknown, after: unknown): Difference[] {
  const walk = (from: unknown, to: unknown, path: readonly string[]): Difference[] => {
    if (isAbsent(from) && isAbsent(to)) return [];
    const [named, renamed] = [byName(from), byName(to)];
    const isNamed = (named || renamed) && (!named || !renamed || named.name === renamed.name) && (named || isAbsent(from)) && (renamed || isAbsent(to));
    const [left, right] = isNamed ? [named?.members, renamed?.members] : [from, to];
    if ((isMembers(left) && (isMembers(right) || isAbsent(right))) || (isMembers(right) && isAbsent(left))) {
      const [a, b] = [isMembers(left) ? left : {}, isMembers(right) ? right : {}];
      const names = [...new Set([...Object.keys(a), ...Object.keys(b)])].filter((name) => path.length > 0 || !NOISE.has(name));
      return names.flatMap((name) => walk(a[name], b[name], [...path, name]));
    }
    return JSON.stringify(from) === JSON.stringify(to) ? [] : [{ path, before: from, after: to }];
  };
  return walk(before, after, []);
}
