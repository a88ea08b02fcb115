import { describe, expect, it } from 'vitest';
import { fields } from '@/api/gen/fields';
import { joinValues, operatorsOf, paramsOf, readView, splitValues, writeView } from './address';

describe('the address of a list', () => {
  it('is read and written without loss', () => {
    const text = 'q=web&power_state=running%2Cstopped&memory_mib.gte=2048&sort=-memory_mib&columns=power_state%2Chost_id&widths=name%3A300';
    const view = readView('vm', new URLSearchParams(text));
    expect(writeView(view).toString()).toBe(text);
    expect(paramsOf(view)).toEqual({ q: 'web', power_state: 'running,stopped', 'memory_mib.gte': '2048', sort: '-memory_mib' });
  });

  it('leaves out what is no field, and what is only shown', () => {
    const view = readView('vm', new URLSearchParams('colour=red&memory_mib.between=1&constructor=1&power_state=running'));
    expect(view.filters.map((filter) => filter.field.name)).toEqual(['power_state']);
    expect(readView('host', new URLSearchParams('cpu_mhz=1')).filters).toEqual([]);
    expect(readView('vm', new URLSearchParams('widths=name:x,a:-1,b')).widths).toEqual({});
  });

  it('lets the place go before the view', () => {
    const view = readView('volume', new URLSearchParams('vm_id=other'));
    expect(paramsOf(view, { vm_id: 'mine' })).toEqual({ vm_id: 'mine' });
  });

  it('keeps commas that belong to a value', () => {
    for (const values of [['a'], ['a,b', 'c'], ['\\', ',', ''], ['x\\,y']]) expect(splitValues(joinValues(values))).toEqual(values);
    expect(splitValues('a\\,b,c')).toEqual(['a,b', 'c']);
  });

  it('has a condition for every field', () => {
    for (const list of Object.values(fields)) for (const field of list) expect(operatorsOf(field).length).toBeGreaterThan(1);
  });
});
