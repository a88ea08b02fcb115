import { expect, it } from 'vitest';
import { isUpToDate, lasted, signature, type Period } from './history';
import type { Provider } from './provider';

const provider = (...states: [string, string?][]) =>
  ({ id: 'p', sources: states.map(([state, reason], index) => ({ id: `s${index}`, sync: { state, reason: reason ?? null, message: 'x', observed_at: null } })) }) as unknown as Provider;

const period = (source_id: string, state: string, reason: string | null = null, since = '2026-01-01T00:00:00Z', until: string | null = null) =>
  ({ id: `${source_id}${since}`, source_id, state, reason, since, until, message: null, changes: 1 }) as unknown as Period;

it('is up to date when the newest entry of each source is what is shown', () => {
  const shown = provider(['live'], ['unreachable', 'timed_out']);
  const [live, lost] = [period('s0', 'live'), period('s1', 'unreachable', 'timed_out')];
  expect(isUpToDate(shown, [lost, live, period('s1', 'live')])).toBe(true);
  expect(isUpToDate(shown, [live])).toBe(false);
  expect(isUpToDate(shown, [period('s0', 'loading'), lost, live])).toBe(false);
  expect(isUpToDate(shown, [live, period('s1', 'unreachable', 'connect_failed')])).toBe(false);
});

it('is asked again when a state or its reason changes, and not when it is only older', () => {
  const before = provider(['unreachable', 'timed_out']);
  const older = provider(['unreachable', 'timed_out']);
  older.sources[0]!.sync.observed_at = '2026-01-01T00:00:00Z';
  expect(signature(older)).toBe(signature(before));
  expect(signature(provider(['unreachable', 'connect_failed']))).not.toBe(signature(before));
  expect(signature(provider(['live']))).not.toBe(signature(before));
});

it('lasts until its end, or until now', () => {
  const now = Date.parse('2026-01-01T00:01:00Z');
  expect(lasted(period('s', 'live'), now)).toBe(60_000);
  expect(lasted(period('s', 'live', null, '2026-01-01T00:00:00Z', '2026-01-01T00:00:05Z'), now)).toBe(5_000);
  expect(lasted(period('s', 'live', null, '2026-01-01T00:02:00Z'), now)).toBe(0);
});
