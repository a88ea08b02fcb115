import i18n from 'i18next';
import { beforeAll, expect, it } from 'vitest';
import document from '../../../docs/openapi.json';
import { chooseLanguage, startLanguages } from '@/i18n';
import { actionLabel, ACTIONS, auditPath, differencesOf, exportPath, filtersOf, nounLabel, OBJECT_KINDS, paramsOf } from './audit';

beforeAll(() => startLanguages('en'));

it('keeps in the address what narrows the log, and nothing else', () => {
  const filters = { actor: 'acme/ann', result: 'denied', from: '2026-03-01' };
  const path = auditPath(filters);
  expect(filtersOf(new URL(path, 'http://x').searchParams)).toEqual(filters);
  expect(filtersOf(new URLSearchParams('actor=&page_token=x&limit=5'))).toEqual({});
});

it('takes days as they are in the zone of the reader, the last one as a whole', () => {
  expect(paramsOf({ door: 'api', from: '2026-03-01', to: '2026-03-31' })).toEqual({
    door: 'api', 'at.gte': new Date(2026, 2, 1).toISOString(), 'at.lt': new Date(2026, 3, 1).toISOString(),
  });
  expect(paramsOf({ from: 'yesterday' })).toEqual({});
});

it('exports what is shown', () => {
  expect(exportPath({})).toBe('/v1/audit/export');
  expect(exportPath({ actor: 'a&b', result: 'failed' })).toBe('/v1/audit/export?actor=a%26b&result=failed');
});

/** As the gateway names what changes something: by its path and its operation. */
const operations = Object.entries(document.paths as Record<string, Record<string, { operationId?: string }>>).flatMap(([path, item]) => {
  const noun = path.split('/')[2]?.replaceAll('-', '_').replace(/s$/, '') ?? '';
  return Object.entries(item).flatMap(([method, { operationId: id }]) => {
    if (!id || !['post', 'put', 'patch', 'delete'].includes(method) || id.startsWith('login') || id === 'logout') return [];
    return [id.startsWith(`${noun}_`) ? `${noun}.${id.slice(noun.length + 1)}` : id.replace('_', '.')];
  });
});

it.each(['en', 'zh-CN'] as const)('has words for all that can be done: %s', async (language) => {
  await chooseLanguage(language);
  for (const action of [...operations, ...ACTIONS]) expect(actionLabel(i18n.t, action), action).not.toBe(action);
  for (const kind of OBJECT_KINDS) expect(nounLabel(i18n.t, kind), kind).toBeTruthy();
  await chooseLanguage('en');
});

it('says what was done', () => {
  const say = (action: string) => actionLabel(i18n.t, action);
  expect([say('tenant.quota_set'), say('ownership_rule.edit'), say('login'), say('resource_pool.get'), say('cow.milk')]).toEqual([
    'Set the limits of tenant', 'Edit ownership rule', 'Sign in', 'See resource pool', 'cow.milk',
  ]);
});

it('has among what can be chosen only what the gateway does', () => {
  // What the rules do by themselves is no operation of the API.
  expect(ACTIONS.filter((action) => !operations.includes(action) && !['login', 'logout', 'ownership.move'].includes(action))).toEqual([]);
});

it('tells what differs, member by member', () => {
  const before = { id: 't', name: 'acme', description: '', state: 'active', generation: 1, updated_at: 'a', trust: { ca_pem: null, thumbprint: 'A' } };
  expect(differencesOf(before, { ...before, name: 'ACME', state: 'suspended', generation: 2, updated_at: 'b', trust: { ca_pem: null, thumbprint: 'B' } })).toEqual([
    { path: ['name'], before: 'acme', after: 'ACME' },
    { path: ['state'], before: 'active', after: 'suspended' },
    { path: ['trust', 'thumbprint'], before: 'A', after: 'B' },
  ]);
  expect(differencesOf(before, { ...before, generation: 2 })).toEqual([]);
});

it('finds in lists of things what belongs together', () => {
  const limit = (resource: string, hard: number | null, soft: number | null = null) => ({ resource, hard, soft });
  expect(differencesOf({ limits: [] }, { limits: [limit('vms', 4)] })).toEqual([{ path: ['limits', 'vms', 'hard'], before: undefined, after: 4 }]);
  expect(differencesOf({ limits: [limit('vms', 4), limit('vcpus', 8)] }, { limits: [limit('vcpus', 8), limit('vms', 5, 3)] })).toEqual([
    { path: ['limits', 'vms', 'hard'], before: 4, after: 5 },
    { path: ['limits', 'vms', 'soft'], before: null, after: 3 },
  ]);
  expect(differencesOf({ limits: [limit('vms', 4)] }, { limits: [] })).toEqual([{ path: ['limits', 'vms', 'hard'], before: 4, after: undefined }]);
});

it('leaves what it cannot match as a whole', () => {
  const [one, two] = [{ field: 'name', pattern: 'a' }, { field: 'name', pattern: 'b' }];
  expect(differencesOf({ conditions: [one] }, { conditions: [one, two] })).toEqual([{ path: ['conditions'], before: [one], after: [one, two] }]);
  expect(differencesOf({ permissions: ['a'] }, { permissions: ['a', 'b'] })).toEqual([{ path: ['permissions'], before: ['a'], after: ['a', 'b'] }]);
  expect(differencesOf({ value: 'a' }, { value: { b: 1 } })).toEqual([{ path: ['value'], before: 'a', after: { b: 1 } }]);
});

it('tells of what was made or removed all that there is of it', () => {
  const made = { id: 'x', name: 'shop', description: '', built_in: false, generation: 1 };
  expect(differencesOf(undefined, made)).toEqual([{ path: ['name'], before: undefined, after: 'shop' }, { path: ['built_in'], before: undefined, after: false }]);
  expect(differencesOf(made, null)).toEqual([{ path: ['name'], before: 'shop', after: undefined }, { path: ['built_in'], before: false, after: undefined }]);
  expect(differencesOf(null, null)).toEqual([]);
});
