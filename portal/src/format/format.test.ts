import i18n from 'i18next';
import { beforeAll, describe, expect, it } from 'vitest';
import { formatAge, formatBytes, formatDuration, formatQuantity } from './format';

describe('formats', () => {
  beforeAll(() => i18n.init({ lng: 'en', resources: {} }));

  it('show three figures of a size and its unit', () => {
    expect([0, 1023, 1024, 1536, 16 * 1024 ** 3, 12.34 * 1024 ** 4, 123.4 * 1024 ** 2].map(formatBytes)).toEqual(
      ['0 B', '1,023 B', '1 KiB', '1.5 KiB', '16 GiB', '12.3 TiB', '123 MiB'],
    );
  });

  it('know a quantity by the name of its field', () => {
    expect(formatQuantity('memory_mib', 2048)).toBe('2 GiB');
    expect(formatQuantity('cpu_capacity_mhz', 41_600)).toBe('41.6 GHz');
    expect(formatQuantity('cpu_mhz', 2_600)).toBe('2,600 MHz');
    expect(formatQuantity('vlan_id', 1234)).toBe('1234');
    expect(formatQuantity('host_count', 1234)).toBe('1,234');
  });

  it('say how long something lasts in one unit or two', () => {
    const [second, minute, hour, day] = [1_000, 60_000, 3_600_000, 86_400_000];
    const shown = [0, 999, 59 * second, 60 * second, 90 * second, 3 * hour + 20 * minute, 3 * hour + 20 * second, 2 * day + 5 * hour, -5].map(formatDuration);
    expect(shown).toEqual(['0 sec', '0 sec', '59 sec', '1 min', '1 min 30 sec', '3 hr 20 min', '3 hr', '2 days 5 hr', '0 sec']);
  });

  it('say an age in one unit, and follow the language', async () => {
    const now = Date.parse('2026-01-02T00:00:00Z');
    const age = (ms: number) => formatAge(now - ms, now);
    expect([age(0), age(59_000), age(61_000), age(26 * 3_600_000)]).toEqual(['now', '59 sec. ago', '1 min. ago', 'yesterday']);
    await i18n.changeLanguage('zh-CN');
    expect(age(61_000)).toBe('1分钟前');
  });
});
