import { expect, it } from 'vitest';
import type { Permission } from '@/access/queries';
import { groups, places, placesFor } from './places';

const shown = (...permissions: Permission[]) => placesFor(permissions).map(({ id }) => id);

it('shows what is of use by what one may do', () => {
  expect(shown()).not.toContain('tenants');
  expect(shown('inventory.read', 'project.read')).toContain('projects');
  for (const place of ['tenants', 'users', 'groups', 'roles', 'ownership-rules', 'providers', 'audit', 'first-run']) expect(shown('inventory.read', 'project.read')).not.toContain(place);
  expect(shown('audit.read')).toContain('audit');
  expect(shown('member.read')).toEqual(expect.arrayContaining(['users', 'groups']));
});

it('has no group with a place that there is not', () => {
  const known = places.map(({ id }) => id);
  expect(groups.flatMap((group) => group.places).filter((id) => !known.includes(id))).toEqual([]);
});
