import { expect, it } from 'vitest';
import { bodyOf, canBeTried, EMPTY, valuesOf } from './rule';

const typed = { ...valuesOf(undefined, 'p'), name: ' shop ', conditions: [{ field: 'folder' as const, pattern: ' Berlin/* ' }] };

it('sends what was typed, without what is around it', () => {
  expect(bodyOf(typed)).toEqual({ name: 'shop', project_id: 'p', priority: 100, enabled: true, conditions: [{ field: 'folder', pattern: 'Berlin/*' }] });
  expect(bodyOf({ ...typed, priority: '-5' }).priority).toBe(-5);
  expect(bodyOf({ ...typed, priority: ' ' }).priority).toBe(100);
});

it('is tried once there is enough of it', () => {
  expect(canBeTried(typed)).toBe(true);
  for (const missing of [{ project_id: '' }, { priority: '1.5' }, { conditions: [] }, { conditions: [...typed.conditions, EMPTY] }]) {
    expect(canBeTried({ ...typed, ...missing }), JSON.stringify(missing)).toBe(false);
  }
});
