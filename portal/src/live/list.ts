// What a list holds, and how a change is put into it. Pure: the same changes in any order, once or twice, end in the same
// list, since what is older than what is there is passed over.
import type { Kind, Objects } from '@/api/gen/fields';
import type { Page } from '@/api/client';
import { isNewer } from './revision';
import type { LiveEvent } from './stream';

export interface ListData<K extends Kind = Kind> {
  readonly rows: readonly Objects[K][];
  /** Where it goes on; `null` when these are all. */
  readonly next: string | null;
  /** What the rows are true for, at least. */
  readonly revision: string;
}

/** The last change of an object that was told. */
export type Told<K extends Kind = Kind> = { revision: string; object: Objects[K] | null };

/** The newest change of each object in a batch, by id. */
export function newestById(events: readonly LiveEvent[], kind: Kind): Map<string, Told> {
  const told = new Map<string, Told>();
  for (const event of events) {
    if ((event.type !== 'put' && event.type !== 'delete') || event.kind !== kind) continue;
    const id = event.type === 'put' ? event.object.id : event.id;
    const before = told.get(id);
    if (before && !isNewer(event.revision, before.revision)) continue;
    told.set(id, { revision: event.revision, object: event.type === 'put' ? event.object : null });
  }
  return told;
}

/** The list with the changes in it, and the ids that it does not hold: whether they belong to it only the gateway knows. */
export function applyToList<K extends Kind>(
  list: ListData<K>,
  told: ReadonlyMap<string, Told>,
): { list: ListData<K>; touched: Objects[K][]; strangers: Objects[K][]; removed: number } {
  const touched: Objects[K][] = [];
  const held = new Set<string>();
  let removed = 0;
  let differs = false;
  const rows: Objects[K][] = [];
  for (const row of list.rows) {
    const change = told.get(row.id);
    if (!change) {
      rows.push(row);
      continue;
    }
    held.add(row.id);
    if (!isNewer(change.revision, row.revision)) {
      rows.push(row);
    } else if (change.object === null) {
      removed += 1;
      differs = true;
    } else {
      const object = change.object as Objects[K];
      rows.push(object);
      touched.push(object);
      differs = true;
    }
  }
  const strangers: Objects[K][] = [];
  for (const [id, change] of told) {
    if (!held.has(id) && change.object && isNewer(change.revision, list.revision)) strangers.push(change.object as Objects[K]);
  }
  return { list: differs ? { ...list, rows } : list, touched, strangers, removed };
}

/** The list with the next page at its end. An object that moved in between is shown once. */
export function appendPage<K extends Kind>(list: ListData<K>, page: Page<K>): ListData<K> {
  const held = new Set(list.rows.map((row) => row.id));
  return {
    rows: [...list.rows, ...page.items.filter((row) => !held.has(row.id))],
    next: page.next_page_token,
    // The earlier rows were kept true by the changes; a stranger is one for the whole list.
    revision: isNewer(page.revision, list.revision) ? list.revision : page.revision,
  };
}

/** The value that the gateway sorts by. */
function key(object: Objects[Kind], field: string): unknown {
  const value = (object as unknown as Record<string, unknown>)[field];
  return typeof value === 'string' ? value.toLowerCase() : value;
}

/**
 * Whether an object that the list does not hold comes after its last row in any case, so that the loaded part stays as it is.
 * Says so only when it is sure.
 */
export function comesLater(object: Objects[Kind], last: Objects[Kind] | undefined, sort: string | undefined): boolean {
  if (!last) return false;
  const [first = 'name'] = (sort || 'name').split(',');
  const field = first.replace(/^-/, '');
  const [a, b] = [key(object, field), key(last, field)];
  if (typeof a !== typeof b || (typeof a !== 'string' && typeof a !== 'number')) return false;
  return first.startsWith('-') ? (a as string) < (b as string) : (a as string) > (b as string);
}
