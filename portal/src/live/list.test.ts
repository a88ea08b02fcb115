import { describe, expect, it } from 'vitest';
import type { Objects } from '@/api/gen/fields';
import { appendPage, applyToList, comesLater, newestById, type ListData } from './list';
import { isNewer } from './revision';
import type { LiveEvent } from './stream';

type Vm = Objects['vm'];
const vm = (id: string, revision: number, name = id): Vm => ({ id, kind: 'vm', name, revision: String(revision) }) as Vm;
const put = (object: Vm): LiveEvent => ({ type: 'put', kind: 'vm', revision: object.revision, object });
const gone = (id: string, revision: number): LiveEvent => ({ type: 'delete', kind: 'vm', id, revision: String(revision) });
const list = (revision: number, ...rows: Vm[]): ListData<'vm'> => ({ rows, next: null, revision: String(revision) });
const apply = (to: ListData<'vm'>, events: LiveEvent[]) => applyToList(to, newestById(events, 'vm')).list;

/** Every order of these things. */
function* orders<T>(things: T[]): Generator<T[]> {
  if (things.length < 2) yield things;
  for (let at = 0; at < things.length; at += 1) {
    for (const rest of orders([...things.slice(0, at), ...things.slice(at + 1)])) yield [things[at]!, ...rest];
  }
}

describe('revisions', () => {
  it('are compared as numbers of any length', () => {
    expect(isNewer('10', '9')).toBe(true);
    expect(isNewer('9', '10')).toBe(false);
    expect(isNewer('9', '9')).toBe(false);
    expect(isNewer('18446744073709551615', '18446744073709551614')).toBe(true);
    expect(isNewer('x', '9'), 'what cannot be compared is taken').toBe(true);
  });
});

describe('applyToList', () => {
  const events = [put(vm('a', 11, 'a1')), put(vm('b', 12, 'b1')), put(vm('a', 13, 'a2')), gone('c', 14)];
  const before = list(10, vm('a', 1), vm('b', 2), vm('c', 3), vm('d', 4));
  const after = ['a2', 'b1', 'd'];

  it('ends the same in any order, all at once or one by one, once or twice', () => {
    for (const order of orders(events)) {
      expect(apply(before, order).rows.map((row) => row.name)).toEqual(after);
      expect(order.reduce((now, event) => apply(now, [event]), before).rows.map((row) => row.name)).toEqual(after);
      const twice = [...order, ...order].reduce((now, event) => apply(now, [event]), before);
      expect(twice.rows.map((row) => row.name)).toEqual(after);
    }
  });

  it('passes over what the list has seen already', () => {
    const newer = list(20, vm('a', 19, 'newest'), vm('b', 2));
    expect(apply(newer, [put(vm('a', 11, 'old')), gone('b', 1)])).toBe(newer);
  });

  it('tells which objects it does not hold, unless it was read after them', () => {
    const { strangers, list: same } = applyToList(before, newestById([put(vm('new', 11)), put(vm('seen', 9)), gone('other', 12)], 'vm'));
    expect(strangers.map((object) => object.id)).toEqual(['new']);
    expect(same).toBe(before);
  });

  it('looks at its own noun only', () => {
    const host = { type: 'put', kind: 'host', revision: '99', object: { ...vm('a', 99, 'host'), kind: 'host' } } as unknown as LiveEvent;
    expect(apply(before, [host])).toBe(before);
  });
});

describe('appendPage', () => {
  it('shows an object that moved between two pages once, and keeps the older revision', () => {
    const page = { items: [vm('b', 2), vm('e', 5)], next_page_token: 't', revision: '30' };
    const appended = appendPage(list(20, vm('a', 1), vm('b', 2)), page);
    expect(appended.rows.map((row) => row.id)).toEqual(['a', 'b', 'e']);
    expect([appended.next, appended.revision]).toEqual(['t', '20']);
  });
});

describe('comesLater', () => {
  const last = { ...vm('m', 1), memory_mib: 2048 } as Vm;
  it('is sure of names and numbers, and of nothing else', () => {
    expect(comesLater(vm('z', 1), last, undefined)).toBe(true);
    expect(comesLater(vm('Z', 1), last, '')).toBe(true);
    expect(comesLater(vm('a', 1), last, undefined)).toBe(false);
    expect(comesLater(vm('a', 1), last, '-name')).toBe(true);
    expect(comesLater({ ...vm('x', 1), memory_mib: 4096 } as Vm, last, 'memory_mib,name')).toBe(true);
    expect(comesLater({ ...vm('x', 1), memory_mib: 4096 } as Vm, last, '-memory_mib')).toBe(false);
    expect(comesLater(vm('x', 1), last, 'memory_mib'), 'absent').toBe(false);
    expect(comesLater(vm('x', 1), undefined, undefined), 'a list that is complete').toBe(false);
  });
});
