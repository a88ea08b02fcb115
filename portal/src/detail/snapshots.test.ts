import { describe, expect, it } from 'vitest';
import type { Objects } from '@/api/gen/fields';
import { forestOf, type Twig } from './snapshots';

const snapshot = (id: string, parent_id: string | null, created_at: string) => ({ id, name: id, parent_id, created_at }) as Objects['snapshot'];
const shape = (twigs: readonly Twig[]): string => twigs.map(({ snapshot, children }) => snapshot.id + (children.length ? `(${shape(children)})` : '')).join(' ');

describe('the tree of snapshots', () => {
  it('is as they were made upon each other, the oldest first', () => {
    expect(shape(forestOf([snapshot('c', 'a', '3'), snapshot('b', 'a', '2'), snapshot('a', null, '1'), snapshot('d', 'b', '4')]))).toBe('a(b(d) c)');
  });

  it('keeps those whose parent is not told', () => {
    expect(shape(forestOf([snapshot('x', 'not there', '2'), snapshot('y', 'y', '1')]))).toBe('y x');
  });
});
