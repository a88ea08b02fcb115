import { expect, it } from 'vitest';
import type { Objects } from '@/api/gen/fields';
import { changesQuery, isTold, listDifference, withField } from './changes';

const vm = { id: 'v', kind: 'vm', revision: '7', name: 'web', power_state: 'unknown', last_known_power_state: 'running' } as unknown as Objects['vm'];

it('tells of two lists what came and what went', () => {
  expect(listDifference(['a', 'b'], ['b', 'c', 'd'])).toEqual({ came: ['c', 'd'], went: ['a'] });
  expect(listDifference(null, ['a'])).toEqual({ came: ['a'], went: [] });
  expect(listDifference(['a'], undefined)).toEqual({ came: [], went: ['a'] });
});

it('leaves to the whole values what are no lists, or differ in their order', () => {
  expect(listDifference(['a', 'b'], ['b', 'a'])).toBeNull();
  expect(listDifference('a', 'b')).toBeNull();
  expect(listDifference(null, null)).toBeNull();
  expect(listDifference([{ host_id: 'h' }], [])).toBeNull();
  expect(listDifference(['a'], 'b')).toBeNull();
});

it('knows what is a value', () => {
  expect([0, false, 'a', ['a']].map(isTold)).toEqual([true, true, true, true]);
  expect([null, undefined, '', []].map(isTold)).toEqual([false, false, false, false]);
});

it('shows a value as the field, without what is known of it now', () => {
  expect(withField(vm, 'power_state', 'stopped')).toEqual({ id: 'v', kind: 'vm', revision: '7', name: 'web', power_state: 'stopped' });
  expect(vm).toHaveProperty('last_known_power_state');
});

it('is asked again when the object changes or goes', () => {
  const key = (revision: string, gone: boolean) => changesQuery('vm', { ...vm, revision }, gone).queryKey.join(' ');
  expect(key('7', false)).toBe(key('7', false));
  expect(key('8', false)).not.toBe(key('7', false));
  expect(key('7', true)).not.toBe(key('7', false));
});
