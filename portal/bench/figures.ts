// What was measured, printed as it comes and kept for `./dev bench`, which writes the table.
import { writeFileSync } from 'node:fs';

interface Row {
  what: string;
  measured: string;
  bound: string;
  met: boolean | null;
}

const rows: Row[] = [];

function add(row: Row): void {
  rows.push(row);
  const verdict = row.met === null ? '' : row.met ? ` (bound: ${row.bound}) ✓` : ` (bound: ${row.bound}) ✗ missed`;
  console.log(`  ${row.what}: ${row.measured}${verdict}`);
  const out = process.env.SPANDREL_BENCH_OUT;
  if (out) writeFileSync(out, JSON.stringify(rows));
}

/** A figure with its bound. */
export function figure(what: string, measured: string, bound: string, met: boolean): void {
  add({ what, measured, bound, met });
}

/** A figure that is told beside others. */
export function note(what: string, measured: string): void {
  add({ what, measured, bound: '', met: null });
}

export const ms = (value: number): string => `${Math.round(value)} ms`;
export const kb = (bytes: number): string => `${(bytes / 1000).toFixed(0)} kB`;
export const mib = (bytes: number): string => `${(bytes / (1 << 20)).toFixed(1)} MiB`;

/** Of an odd number of runs the middle one. */
export function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN;
}
