import { expect, it } from 'vitest';
import { FieldFinding } from '@/form/useForm';
import { formatAmount, givenOut, isLimitedAbove, LIMIT_FIELDS, limitsOf, measureOf, valuesOf, type QuotaUse } from './quota';

const held = (more: Partial<QuotaUse>): QuotaUse => ({ resource: 'vms', used: 0, reserved: 0, hard: null, soft: null, remaining: null, state: 'ok', ...more });
const faults = { number: 'a number', gib: 'a size' };

it.each([
  [held({ used: 7, hard: 10 }), 0.7, undefined],
  [held({ used: 7, reserved: 1, hard: 10 }), 0.8, 'warning'],
  [held({ used: 3, hard: 10, soft: 2, state: 'warning' }), 0.3, 'warning'],
  [held({ used: 10, hard: 10, state: 'full' }), 1, 'danger'],
  [held({ used: 12, hard: 10, state: 'over' }), 1.2, 'danger'],
  [held({ hard: 0, state: 'full' }), 1, 'danger'],
])('measures %j', (one, share, look) => {
  expect(measureOf(one)).toEqual({ share, look });
});

it('has no measure without a limit of its own', () => {
  expect(measureOf(held({ used: 7, remaining: 3 }))).toBeUndefined();
});

it('knows what the tenants above hold back', () => {
  expect(isLimitedAbove(held({ used: 2, hard: 10, remaining: 8 }))).toBe(false);
  expect(isLimitedAbove(held({ used: 2, hard: 10, remaining: 3 }))).toBe(true);
  expect(isLimitedAbove(held({ used: 12, hard: 10, remaining: 0 }))).toBe(false);
  expect(isLimitedAbove(held({ used: 2, remaining: 3 }))).toBe(true);
  expect(isLimitedAbove(held({ used: 2 }))).toBe(false);
});

it('adds up what was given out, and says nothing where nothing was', () => {
  const below = [[held({ hard: 4 }), held({ resource: 'vcpus' })], [held({ hard: 0 })], [held({})]];
  expect(givenOut(below, 'vms')).toBe(4);
  expect(givenOut(below, 'vcpus')).toBeUndefined();
  expect(givenOut([], 'vms')).toBeUndefined();
});

it('takes memory in GiB, and what is empty for no limit', () => {
  const values = valuesOf([held({ hard: 20, soft: 16 }), held({ resource: 'memory_mib', hard: 1_536 })]);
  expect(values).toMatchObject({ hard_vms: '20', soft_vms: '16', hard_memory_mib: '1.5', soft_memory_mib: '', hard_snapshots: '' });
  const limits = limitsOf({ ...values, soft_memory_mib: ' 1 ', hard_volume_gib: '500' }, faults);
  expect(limits).toHaveLength(7);
  expect(limits).toContainEqual({ resource: 'memory_mib', hard: 1_536, soft: 1_024 });
  expect(limits).toContainEqual({ resource: 'volume_gib', hard: 500, soft: null });
  expect(limits).toContainEqual({ resource: 'snapshots', hard: null, soft: null });
});

it.each([['hard_vms', '-1', 'a number'], ['hard_vms', '1.5', 'a number'], ['soft_vcpus', 'many', 'a number'], ['hard_memory_mib', '1 GiB', 'a size']] as const)('finds that %s cannot be %s', (field, text, title) => {
  const found = () => limitsOf({ ...valuesOf([]), [field]: text }, faults);
  expect(found).toThrow(FieldFinding as unknown as Error);
  try {
    found();
  } catch (error) {
    expect(error).toMatchObject({ field, fault: { title } });
  }
});

it('finds the field of what is refused by its place', () => {
  const limits = limitsOf(valuesOf([]), faults);
  limits.forEach(({ resource }, index) => {
    expect(LIMIT_FIELDS[`limits/${index}/hard`]).toBe(`hard_${resource}`);
    expect(LIMIT_FIELDS[`limits/${index}/soft`]).toBe(`soft_${resource}`);
  });
});

it('says amounts in the units of people', () => {
  expect(formatAmount('memory_mib', 2_048)).toBe('2 GiB');
  expect(formatAmount('volume_gib', 2_048)).toBe('2 TiB');
  expect(formatAmount('vms', 1_200)).toBe('1,200');
});
