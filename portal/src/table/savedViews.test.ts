import { beforeEach, expect, it } from 'vitest';
import { deleteView, parseViews, saveView, viewsOf } from './savedViews';

beforeEach(() => localStorage.clear());

it('keeps views by name, replaces one of the same name, and forgets', () => {
  saveView('vm', { name: 'running', search: '?power_state=running' });
  saveView('vm', { name: 'big', search: '?memory_mib.gte=4096' });
  saveView('host', { name: 'all', search: '' });
  saveView('vm', { name: 'running', search: '?power_state=running&sort=-memory_mib' });
  expect(viewsOf('vm').map((view) => view.name)).toEqual(['big', 'running']);
  expect(viewsOf('vm')[1]?.search).toBe('?power_state=running&sort=-memory_mib');
  deleteView('vm', 'big');
  expect(viewsOf('vm').map((view) => view.name)).toEqual(['running']);
  expect(viewsOf('host')).toHaveLength(1);
});

it('is the same list until it changes', () => {
  saveView('vm', { name: 'one', search: '' });
  expect(viewsOf('vm')).toBe(viewsOf('vm'));
  expect(viewsOf('nic')).toBe(viewsOf('nic'));
});

it('does not trip over what another version has left', () => {
  expect(parseViews('nonsense')).toEqual({});
  expect(parseViews('[1]')).toEqual({ 0: [] });
  expect(parseViews('{"vm":[{"name":"a"},{"name":"b","search":"?q=1"}]}')).toEqual({ vm: [{ name: 'b', search: '?q=1' }] });
});
