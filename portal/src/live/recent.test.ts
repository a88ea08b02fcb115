import { beforeEach, describe, expect, it, vi } from 'vitest';
import type { Objects } from '@/api/gen/fields';
import { RecentChanges } from './recent';
import type { LiveEvent } from './stream';

const vm = (id: string, more: object = {}) =>
  ({ id, kind: 'vm', name: id, revision: '1', power_state: 'running', first_seen_at: '2026-01-01T00:00:00Z', changed_at: '2026-01-02T00:00:00Z', ...more }) as unknown as Objects['vm'];
const put = (object: Objects['vm']): LiveEvent => ({ type: 'put', kind: 'vm', revision: object.revision, object });

describe('the recent changes', () => {
  let recent: RecentChanges;
  const after = () => {
    vi.advanceTimersByTime(1_000);
    return recent.snapshot();
  };
  beforeEach(() => {
    vi.useFakeTimers();
    recent = new RecentChanges();
  });

  it('say which fields differ from what was known', () => {
    recent.take([put(vm('a', { power_state: 'stopped', changed_at: '2026-01-03T00:00:00Z' }))], () => vm('a'));
    expect(after()).toMatchObject([{ what: 'changed', id: 'a', fields: [{ name: 'power_state' }] }]);
  });

  it('tell nothing of what was told again as it was', () => {
    recent.take([put(vm('a', { observed_at: 'later', changed_at: 'later' }))], () => vm('a'));
    expect(after()).toEqual([]);
  });

  it('know the new, the unknown and the gone apart', () => {
    recent.take(
      [put(vm('new', { changed_at: '2026-01-01T00:00:00Z' })), put(vm('unknown')), { type: 'delete', kind: 'vm', id: 'old', revision: '3' }],
      (_, id) => (id === 'old' ? vm('old') : undefined),
    );
    expect(after().map(({ id, what }) => [id, what])).toEqual([['old', 'gone'], ['unknown', 'changed'], ['new', 'appeared']]);
  });

  it('compare with an earlier change of the same batch', () => {
    recent.take([put(vm('a', { power_state: 'stopped' })), put(vm('a', { power_state: 'stopped', vcpu_count: 4 }))], () => vm('a'));
    expect(after().map((change) => change.fields.map((field) => field.name))).toEqual([['vcpu_count'], ['power_state']]);
  });

  it('keep a hundred and tell the page seldom', () => {
    const told = vi.fn();
    recent.subscribe(told);
    for (let n = 0; n < 500; n += 1) recent.take([put(vm(`vm-${n}`))], () => undefined);
    expect(after()).toHaveLength(100);
    expect(recent.snapshot()[0]!.id).toBe('vm-499');
    expect(told).toHaveBeenCalledTimes(1);
  });
});
