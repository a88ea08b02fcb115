// Numbers, sizes and times in the reader's language. Sizes are binary, as hypervisors count them.
import i18n from 'i18next';

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB', 'EiB'] as const;
const formats = new Map<string, Intl.NumberFormat | Intl.DateTimeFormat | Intl.RelativeTimeFormat>();

function kept<T extends Intl.NumberFormat | Intl.DateTimeFormat | Intl.RelativeTimeFormat>(key: string, make: (language: string) => T): T {
  const language = i18n.language || 'en';
  const full = `${language} ${key}`;
  let format = formats.get(full) as T | undefined;
  if (!format) {
    format = make(language);
    formats.set(full, format);
  }
  return format;
}

export function formatNumber(value: number, digits = 0): string {
  return kept(`n${digits}`, (language) => new Intl.NumberFormat(language, { maximumFractionDigits: digits })).format(value);
}

/** Part of a whole, `0.25` is 25 %. */
export function formatShare(value: number): string {
  return kept('share', (language) => new Intl.NumberFormat(language, { style: 'percent', maximumFractionDigits: 0 })).format(value);
}

/** Three figures that count, and the unit. */
export function formatBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (Math.abs(value) >= 1024 && unit < UNITS.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${formatNumber(value, value >= 100 || Number.isInteger(value) ? 0 : value >= 10 ? 1 : 2)} ${UNITS[unit]}`;
}

export const MIB = 1024 * 1024;

/** A value of a field, by the unit that its name ends with. */
export function formatQuantity(field: string, value: number): string {
  if (field.endsWith('_bytes')) return formatBytes(value);
  if (field.endsWith('_mib')) return formatBytes(value * MIB);
  if (field.endsWith('_mhz')) return value >= 10_000 ? `${formatNumber(value / 1000, 1)} GHz` : `${formatNumber(value)} MHz`;
  // Not a quantity: no digits are grouped.
  if (field === 'vlan_id') return String(value);
  return formatNumber(value);
}

export function formatTime(time: string | number | Date): string {
  return kept('t', (language) => new Intl.DateTimeFormat(language, { dateStyle: 'medium', timeStyle: 'medium' })).format(new Date(time));
}

/** How long something lasts, in one unit, or two where the second says much: `3 h 20 min`. */
export function formatDuration(milliseconds: number): string {
  const seconds = Math.max(0, Math.floor(milliseconds / 1000));
  const units = [['day', 86_400], ['hour', 3_600], ['minute', 60], ['second', 1]] as const;
  const at = Math.max(0, units.findIndex(([, length]) => seconds >= length));
  const first = seconds === 0 ? units.length - 1 : at;
  const unit = (name: string, value: number) =>
    kept(`d${name}`, (language) => new Intl.NumberFormat(language, { style: 'unit', unit: name, unitDisplay: 'short' })).format(value);
  const [name, length] = units[first]!;
  const text = unit(name, Math.floor(seconds / length));
  const next = units[first + 1];
  const rest = next ? Math.floor((seconds % length) / next[1]) : 0;
  return rest > 0 ? `${text} ${unit(next![0], rest)}` : text;
}

const STEPS: [Intl.RelativeTimeFormatUnit, number][] = [
  ['year', 365 * 86_400], ['month', 30 * 86_400], ['day', 86_400], ['hour', 3_600], ['minute', 60], ['second', 1],
];

/** How long ago, in one unit: `5 min. ago`. */
export function formatAge(time: string | number | Date, now: number): string {
  const seconds = Math.round((new Date(time).getTime() - now) / 1000);
  const [unit, length] = STEPS.find(([, length]) => Math.abs(seconds) >= length) ?? ['second', 1];
  const format = kept('age', (language) => new Intl.RelativeTimeFormat(language, { style: 'short', numeric: 'auto' }));
  return format.format(Math.trunc(seconds / length), unit);
}
