import { describe, expect, it } from 'vitest';
import type { Objects } from '@/api/gen/fields';
import { csvCell, csvHead, csvRows } from './csv';

describe('CSV', () => {
  it('quotes what would end a cell', () => {
    expect(csvCell('a,b')).toBe('"a,b"');
    expect(csvCell('say "x"')).toBe('"say ""x"""');
    expect(csvCell('two\nlines')).toBe('"two\nlines"');
    expect(csvCell(' a')).toBe('" a"');
    expect(csvCell('plain')).toBe('plain');
  });

  it('lets no name become a formula', () => {
    for (const name of ['=1+1', '+1+1', '-1+1', '@SUM(A1)']) expect(csvCell(name)).toBe(`'${name}`);
    expect(csvCell('-12.5'), 'a number stays one').toBe('-12.5');
  });

  it('writes the fields of the noun in the order of the columns', () => {
    const vm = { id: '1', name: 'web', ip_addresses: ['192.0.2.1', '192.0.2.2'], memory_mib: 1024 } as unknown as Objects['vm'];
    const columns = ['name', 'memory_mib', 'ip_addresses', 'host_id', 'nonsense'];
    expect(csvHead('vm', columns)).toBe('name,memory_mib,ip_addresses,host_id\r\n');
    expect(csvRows('vm', [vm], columns)).toBe('web,1024,192.0.2.1 192.0.2.2,\r\n');
  });
});
