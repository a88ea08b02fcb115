// Revisions order what is known. This is the one place that knows their form (ADR 3: decimal numbers).

/** Whether `a` is later than `b`. What cannot be compared counts as later: it is then taken, and never lost. */
export function isNewer(a: string, b: string): boolean {
  if (a === b) return false;
  if (!/^\d+$/.test(a) || !/^\d+$/.test(b)) return true;
  return a.length === b.length ? a > b : a.length > b.length;
}

/** The later one of two. */
export function newest(a: string | undefined, b: string): string {
  return a !== undefined && isNewer(a, b) ? a : b;
}
