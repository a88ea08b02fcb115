// What is typed of a rule, and what the API is sent for it.
import type { components } from '@/api/gen/schema';
import type { Condition, Rule } from '@/access/queries';

export type RuleBody = components['schemas']['OwnershipRuleCreate'];
export type Field = Condition['field'];
export const FIELDS = ['name', 'folder', 'resource_pool', 'cluster', 'provider', 'tag', 'attribute', 'network'] as const satisfies Field[];

export interface Values {
  name: string;
  project_id: string;
  priority: string;
  enabled: boolean;
  conditions: readonly Condition[];
}

export const EMPTY: Condition = { field: 'name', pattern: '' };

export function valuesOf(rule: Rule | undefined, project_id = ''): Values {
  if (!rule) return { name: '', project_id, priority: '100', enabled: true, conditions: [EMPTY] };
  const { name, priority, enabled, conditions } = rule;
  return { name, project_id: rule.project_id, priority: String(priority), enabled, conditions };
}

export function bodyOf({ name, project_id, priority, enabled, conditions }: Values): RuleBody {
  const order = priority.trim();
  return { name: name.trim(), project_id, priority: order === '' ? 100 : Number(order), enabled, conditions: conditions.map(({ field, pattern }) => ({ field, pattern: pattern.trim() })) };
}

/** Whether there is enough to try it: what is missing is said when it is saved. */
export function canBeTried({ project_id, priority, conditions }: Values): boolean {
  return project_id !== '' && Number.isInteger(Number(priority)) && conditions.length > 0 && conditions.every(({ pattern }) => pattern.trim() !== '');
}
