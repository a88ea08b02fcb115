import type { Objects } from '@/api/gen/fields';

type Snapshot = Objects['snapshot'];

export interface Twig {
  readonly snapshot: Snapshot;
  readonly children: readonly Twig[];
}

/** The snapshots as they were made upon each other, the oldest first. One whose parent is not told stands by itself. */
export function forestOf(snapshots: readonly Snapshot[]): Twig[] {
  const known = new Set(snapshots.map(({ id }) => id));
  const under = new Map<string | null, Snapshot[]>();
  for (const snapshot of snapshots) {
    const parent = snapshot.parent_id && known.has(snapshot.parent_id) && snapshot.parent_id !== snapshot.id ? snapshot.parent_id : null;
    under.set(parent, [...(under.get(parent) ?? []), snapshot]);
  }
  const age = ({ created_at, name }: Snapshot) => `${created_at ?? ''} ${name}`;
  const grow = (parent: string | null): Twig[] =>
    (under.get(parent) ?? [])
      .sort((a, b) => age(a).localeCompare(age(b)))
      .map((snapshot) => ({ snapshot, children: grow(snapshot.id) }));
  return grow(null);
}
