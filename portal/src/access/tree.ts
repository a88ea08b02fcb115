// The tree of tenants, as far as it is seen: whose parent is not seen stands at the top.
import type { Tenant } from './queries';

export interface Twig {
  tenant: Tenant;
  /** 1 at the top. */
  level: number;
  /** Its place among those below the same one, from 1. */
  place: number;
  /** How many are directly below it. */
  below: number;
  /** Whether one above it is closed. */
  hidden: boolean;
}

/** Every tenant after the one that it is below, those of one tenant by their names. */
export function twigsOf(tenants: readonly Tenant[], closed: ReadonlySet<string>): Twig[] {
  const seen = new Set(tenants.map(({ id }) => id));
  const children = new Map<string | undefined, Tenant[]>();
  for (const tenant of tenants) {
    const parent = tenant.parent_id && seen.has(tenant.parent_id) ? tenant.parent_id : undefined;
    children.set(parent, [...(children.get(parent) ?? []), tenant]);
  }
  const twigs: Twig[] = [];
  const add = (parent: string | undefined, level: number, hidden: boolean) => {
    const own = [...(children.get(parent) ?? [])].sort((a, b) => a.name.localeCompare(b.name));
    own.forEach((tenant, index) => {
      twigs.push({ tenant, level, place: index + 1, below: children.get(tenant.id)?.length ?? 0, hidden });
      add(tenant.id, level + 1, hidden || closed.has(tenant.id));
    });
  };
  add(undefined, 1, false);
  return twigs;
}
