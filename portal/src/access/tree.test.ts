import { expect, it } from 'vitest';
import type { Tenant } from './queries';
import { twigsOf } from './tree';

const tenant = (id: string, parent_id: string | null, name = id) => ({ id, parent_id, name }) as Tenant;
const all = [tenant('lab', 'acme'), tenant('root', null), tenant('acme', 'root'), tenant('zoo', 'root'), tenant('beta', 'root'), tenant('deep', 'lab')];
const told = (tenants: readonly Tenant[], closed: string[] = []) =>
  twigsOf(tenants, new Set(closed)).map(({ tenant: { id }, level, place, below, hidden }) => `${id} ${level} ${place} ${below}${hidden ? ' hidden' : ''}`);

it('puts each after the one that it is below, by name', () => {
  expect(told(all)).toEqual(['root 1 1 3', 'acme 2 1 1', 'lab 3 1 1', 'deep 4 1 0', 'beta 2 2 0', 'zoo 2 3 0']);
});

it('begins where what is above is not seen', () => {
  expect(told([tenant('lab', 'acme'), tenant('deep', 'lab')])).toEqual(['lab 1 1 1', 'deep 2 1 0']);
});

it('hides all that is below a closed one', () => {
  expect(told(all, ['acme'])).toEqual(['root 1 1 3', 'acme 2 1 1', 'lab 3 1 1 hidden', 'deep 4 1 0 hidden', 'beta 2 2 0', 'zoo 2 3 0']);
});
