// Quotas: how they are read, how they stand, and what is typed of them.
import { queryOptions } from '@tanstack/react-query';
import { api, data } from '@/api/client';
import type { components } from '@/api/gen/schema';
import { FieldFinding } from '@/form/useForm';
import { formatBytes, formatQuantity, MIB } from '@/format/format';
import { ACCESS } from './queries';

type Schemas = components['schemas'];
export type QuotaUse = Schemas['QuotaUse'];
export type QuotaLimit = Schemas['QuotaLimit'];
export type QuotaResource = Schemas['QuotaResource'];

export interface QuotaOf {
  kind: 'tenant' | 'project';
  id: string;
}

/** What is held follows the inventory, of which this query is not told. */
const FRESH_MS = 10_000;
const AGAIN_MS = 30_000;
const GIB_MIB = 1_024;

export const quotaQuery = ({ kind, id }: QuotaOf) =>
  queryOptions({
    queryKey: [ACCESS, 'quota', kind, id] as const,
    queryFn: async ({ signal }) => {
      const params = { path: { id } };
      const answer = kind === 'tenant' ? api.GET('/v1/tenants/{id}/quota', { params, signal }) : api.GET('/v1/projects/{id}/quota', { params, signal });
      return (await data(answer)).items;
    },
    staleTime: FRESH_MS,
    refetchInterval: AGAIN_MS,
  });

export function setQuota({ kind, id }: QuotaOf, limits: QuotaLimit[]) {
  const options = { params: { path: { id } }, body: { limits } };
  return data(kind === 'tenant' ? api.PUT('/v1/tenants/{id}/quota', options) : api.PUT('/v1/projects/{id}/quota', options));
}

/** An amount as people read it. */
export function formatAmount(resource: QuotaResource, amount: number): string {
  if (resource === 'volume_gib') return formatBytes(amount * GIB_MIB * MIB);
  return formatQuantity(resource, amount);
}

const WARNS_FROM = 0.8;

/** How a bar looks that is so full. */
export type Look = 'danger' | 'warning' | undefined;

/** How much of the own limit is held, and how that looks; `undefined` where there is no limit to measure by. */
export function measureOf({ used, reserved, hard, state }: QuotaUse): { share: number; look: Look } | undefined {
  if (hard === null || hard === undefined) return undefined;
  const held = used + reserved;
  // Of a limit of nothing, nothing is left from the beginning.
  const share = hard === 0 ? 1 : held / hard;
  return { share, look: share >= 1 ? 'danger' : share >= WARNS_FROM || state === 'warning' ? 'warning' : undefined };
}

/** Whether less can be had than the own limit leaves, or something limits it that has no limit of its own. */
export function isLimitedAbove({ used, reserved, hard, remaining }: QuotaUse): boolean {
  if (remaining === null || remaining === undefined) return false;
  return hard === null || hard === undefined || remaining < Math.max(0, hard - used - reserved);
}

/** What the limits of those directly below come to; `undefined` where none of them has one. */
export function givenOut(below: readonly (readonly QuotaUse[])[], resource: QuotaResource): number | undefined {
  const limits = below.flatMap((uses) => uses.filter((use) => use.resource === resource).map(({ hard }) => hard)).filter((hard) => typeof hard === 'number');
  return limits.length === 0 ? undefined : limits.reduce((sum, limit) => sum + limit, 0);
}

const RESOURCES: readonly QuotaResource[] = ['vms', 'vms_running', 'vcpus', 'memory_mib', 'volumes', 'volume_gib', 'snapshots'];
export type LimitField = `${'hard' | 'soft'}_${QuotaResource}`;
export type LimitValues = Record<LimitField, string>;

/** Whether people type it in GiB. */
export const isInGib = (resource: QuotaResource) => resource === 'memory_mib' || resource === 'volume_gib';

const typed = (resource: QuotaResource, limit: number | null | undefined) =>
  limit === null || limit === undefined ? '' : String(resource === 'memory_mib' ? limit / GIB_MIB : limit);

/** The limits as they stand in the fields of a form. */
export function valuesOf(uses: readonly QuotaUse[]): LimitValues {
  return Object.fromEntries(
    RESOURCES.flatMap((resource) => {
      const use = uses.find((one) => one.resource === resource);
      return [[`hard_${resource}`, typed(resource, use?.hard)], [`soft_${resource}`, typed(resource, use?.soft)]];
    }),
  ) as LimitValues;
}

/** What is sent of the fields: all resources, each at its place, since what is refused is named by its place. */
export function limitsOf(values: LimitValues, faults: { number: string; gib: string }): QuotaLimit[] {
  const read = (member: 'hard' | 'soft', resource: QuotaResource) => {
    const text = values[`${member}_${resource}`].trim().replace(',', '.');
    if (text === '') return null;
    const amount = resource === 'memory_mib' ? Math.round(Number(text) * GIB_MIB) : Number(text);
    const isNumber = resource === 'memory_mib' ? /^\d+(\.\d+)?$/.test(text) : /^\d+$/.test(text);
    if (!isNumber || !Number.isSafeInteger(amount)) {
      throw new FieldFinding(`${member}_${resource}`, { title: resource === 'memory_mib' ? faults.gib : faults.number, allowed: [] });
    }
    return amount;
  };
  return RESOURCES.map((resource) => ({ resource, hard: read('hard', resource), soft: read('soft', resource) }));
}

/** Where what the API names stands in the form. */
export const LIMIT_FIELDS: Readonly<Record<string, string>> = Object.fromEntries(
  RESOURCES.flatMap((resource, index) => [[`limits/${index}/hard`, `hard_${resource}`], [`limits/${index}/soft`, `soft_${resource}`]]),
);
