// The last changes that the stream told in this tab, for people to follow. What changed is told where the object was known before.
import type { Field, Kind, Objects } from '@/api/gen/fields';
import { fields } from '@/api/gen/fields';
import type { LiveEvent } from './stream';

export interface Change {
  /** Its place in the order of what was told. */
  readonly number: number;
  readonly at: number;
  readonly kind: Kind;
  readonly id: string;
  readonly what: 'appeared' | 'changed' | 'gone';
  /** As it is now; as it was last known when it is gone. */
  readonly object: Objects[Kind] | undefined;
  /** The fields that differ from what was known; empty when nothing was known. */
  readonly fields: readonly Field[];
}

/** How many are kept. */
const KEPT = 100;
/** How often the page is told at most: the eye follows no more. */
const PACE_MS = 700;
/** What every change changes, or says nothing to people. */
const NOISE = new Set<string>(['changed_at', 'observed_at', 'first_seen_at', 'sync', 'source_id']);

export type Known = (kind: Kind, id: string) => Objects[Kind] | undefined;

export function differing(kind: Kind, before: Objects[Kind], now: Objects[Kind]): Field[] {
  const [a, b] = [before, now] as unknown as Record<string, unknown>[];
  return fields[kind].filter(({ name }) => !NOISE.has(name) && JSON.stringify(a![name] ?? null) !== JSON.stringify(b![name] ?? null));
}

export class RecentChanges {
  private all: readonly Change[] = [];
  private told: readonly Change[] = [];
  private number = 0;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private readonly listeners = new Set<() => void>();

  /** Takes what the stream told; `known` says what was known of an object before. */
  take(events: readonly LiveEvent[], known: Known, now = Date.now()): void {
    const some = events.filter((event) => event.type === 'put' || event.type === 'delete').slice(-KEPT);
    if (some.length === 0) return;
    const next: Change[] = [];
    for (const event of some) {
      const id = event.type === 'put' ? event.object.id : event.id;
      const before = next.find((one) => one.id === id)?.object ?? known(event.kind, id);
      this.number += 1;
      const change = { number: this.number, at: now, kind: event.kind, id };
      if (event.type === 'delete') {
        next.unshift({ ...change, what: 'gone', object: before, fields: [] });
        continue;
      }
      const differ = before ? differing(event.kind, before, event.object) : [];
      // Told again as it was: nothing that a person could see.
      if (before && differ.length === 0) continue;
      const isNew = !before && event.object.first_seen_at === event.object.changed_at;
      next.unshift({ ...change, what: isNew ? 'appeared' : 'changed', object: event.object, fields: differ });
    }
    if (next.length === 0) return;
    this.all = [...next, ...this.all].slice(0, KEPT);
    this.timer ??= setTimeout(() => {
      this.timer = undefined;
      this.told = this.all;
      this.listeners.forEach((listener) => listener());
    }, PACE_MS);
  }

  forget(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    this.all = this.told = [];
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  readonly snapshot = (): readonly Change[] => this.told;
}

/** Those of this tab. */
export const recentChanges = new RecentChanges();
