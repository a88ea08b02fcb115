// Carries what the change stream tells into the cache of queries. A list that was read and followed from its revision
// misses nothing: what is loaded is changed in place, and what only the gateway can tell (does a new object match? where
// does it stand?) is asked again, not more often than it costs little.
import type { Query, QueryClient } from '@tanstack/react-query';
import type { Kind, Objects } from '@/api/gen/fields';
import type { ListParams } from '@/api/client';
import { keys, type ObjectData } from '@/api/keys';
import { applyToList, comesLater, newestById, type ListData, type Told } from './list';
import { isNewer, newest } from './revision';
import type { LiveEvent, Provider } from './stream';

/** How long changes are put together before the page is told. */
const TOGETHER_MS = 100;
/** A query is not read again more often than this, and takes at most a tenth of the time. */
const AGAIN_MS = 1_000;
/** How many changes are remembered for answers that are still on their way, at most. */
const REMEMBERED = 20_000;
/** How many are remembered in any case, to say what the next change of the same object changed. */
const REMEMBERED_LEAST = 1_000;
/** A list that nobody looks at and that is longer than this is dropped instead of followed. */
const FOLLOWED = 5_000;
/** How many rows of a list are searched for what an object was before. */
const SEARCHED = 1_000;

export class LiveCache {
  private waiting: LiveEvent[] = [];
  private timer: ReturnType<typeof setTimeout> | undefined;
  private remembered = new Map<string, Told & { at: number }>();
  /** What each provider's sources were last told to be. */
  private readonly statesTold = new Map<string, string>();
  /** When each of those asked that have no answer yet. */
  private asking = new Set<{ readonly since: number }>();
  private again = new Map<string, ReturnType<typeof setTimeout>>();
  /** The newest revision that was told. */
  private reached: string | undefined;

  private readonly started = new Map<string, number>();
  /** How long the last reading of a query took, milliseconds. */
  private readonly took = new Map<string, number>();

  constructor(private readonly client: QueryClient) {
    client.getQueryCache().subscribe((event) => {
      const hash = event.query.queryHash;
      if (event.type === 'removed') this.took.delete(hash);
      if (event.type !== 'updated') return;
      if (event.action.type === 'fetch') this.started.set(hash, Date.now());
      else if (event.action.type === 'success' || event.action.type === 'error') {
        const from = this.started.get(hash);
        this.started.delete(hash);
        if (from !== undefined) this.took.set(hash, Date.now() - from);
      }
    });
  }

  take(events: LiveEvent[]): void {
    this.waiting.push(...events);
    this.timer ??= setTimeout(() => this.flush(), TOGETHER_MS);
  }

  stop(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    this.waiting = [];
    this.again.forEach(clearTimeout);
    this.again.clear();
    this.remembered.clear();
    this.statesTold.clear();
    this.reached = undefined;
  }

  /** Asks, and keeps what is told meanwhile: the answer is to be overtaken by it. */
  async during<T>(ask: () => Promise<T>): Promise<T> {
    const one = { since: Date.now() };
    this.asking.add(one);
    try {
      return await ask();
    } finally {
      this.asking.delete(one);
    }
  }

  /** How many changes are remembered. */
  get memory(): number {
    return this.remembered.size;
  }

  /** The revision that an answer must have seen at least, so that it falls behind nothing that was told. */
  get minRevision(): string | undefined {
    return this.reached;
  }

  /** An answer with what was told while it was on its way. */
  overtake<K extends Kind>(list: ListData<K>): ListData<K> {
    return this.remembered.size === 0 ? list : applyToList(list, this.remembered).list;
  }

  /** The same for one object. `null` when it is gone. */
  overtakeObject<K extends Kind>(object: Objects[K]): Objects[K] | null {
    const told = this.remembered.get(object.id);
    return told && isNewer(told.revision, object.revision) ? (told.object as Objects[K] | null) : object;
  }

  /** An object as it was last told or read, if it is at hand. */
  lastKnown(kind: Kind, id: string): Objects[Kind] | undefined {
    const told = this.remembered.get(id)?.object ?? this.client.getQueryData<ObjectData>(keys.object(kind, id))?.object;
    if (told) return told;
    for (const query of this.client.getQueryCache().findAll({ queryKey: ['list', kind] })) {
      const rows = (query.state.data as ListData | undefined)?.rows ?? [];
      for (let at = 0; at < rows.length && at < SEARCHED; at += 1) if (rows[at]!.id === id) return rows[at];
    }
    return undefined;
  }

  flush(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    const events = this.waiting;
    this.waiting = [];
    const kinds = new Set<Kind>();
    for (const event of events) {
      if (event.type === 'put' || event.type === 'delete') {
        kinds.add(event.kind);
        this.reached = newest(this.reached, event.revision);
      } else if (event.type === 'restarted') {
        this.reached = newest(this.reached, event.revision);
        this.remembered.clear();
        void this.client.invalidateQueries({ predicate: (query) => query.queryKey[0] !== 'session' });
      } else if (event.type === 'provider') this.providerTold(event.provider);
      else this.providerGone(event.id);
    }
    for (const kind of kinds) this.objectsTold(kind, newestById(events, kind));
  }

  private objectsTold(kind: Kind, told: Map<string, Told>): void {
    for (const [id, change] of told) {
      // Behind the others, so that the oldest are forgotten first.
      this.remembered.delete(id);
      this.remembered.set(id, { ...change, at: Date.now() });
      this.client.setQueryData<ObjectData>(keys.object(kind, id), (before) => changedObject(before, change));
      if (change.object) this.client.setQueryData<string>(keys.name(kind, id), (name) => name && nameOf(change.object!));
    }
    this.forgetOld();
    for (const query of this.client.getQueryCache().findAll({ queryKey: ['list', kind] })) this.listTold(query, told);
    for (const name of ['count', 'summary']) {
      for (const query of this.client.getQueryCache().findAll({ queryKey: [name, kind] })) this.readAgain(query);
    }
  }

  /** Drops what no answer on its way can be behind of. */
  private forgetOld(): void {
    const since = Math.min(...[...this.asking].map((one) => one.since));
    for (const [id, { at }] of this.remembered) {
      const { size } = this.remembered;
      if (size <= REMEMBERED_LEAST || (at >= since && size <= REMEMBERED)) break;
      this.remembered.delete(id);
    }
  }

  private listTold(query: Query, told: Map<string, Told>): void {
    const before = query.state.data as ListData | undefined;
    if (!before) return;
    if (before.rows.length > FOLLOWED && !query.isActive()) {
      this.client.removeQueries({ queryKey: query.queryKey, exact: true });
      return;
    }
    const params = query.queryKey[2] as ListParams;
    const { list, touched, strangers } = applyToList(before, told);
    if (list !== before) this.client.setQueryData(query.queryKey, list, { updatedAt: query.state.dataUpdatedAt });
    const last = before.next === null ? undefined : before.rows[before.rows.length - 1];
    const simple = Object.keys(params).every((name) => name === 'sort');
    const mayEnter = strangers.some((object) => !comesLater(object, last, params.sort));
    // Without filters a row that is shown stays; with them, or when what it is sorted by differs, it may have to move or go.
    const mayMove = touched.length > 0 && (!simple || sortDiffers(before, touched, params.sort));
    if (mayEnter || mayMove) this.readAgain(query);
  }

  private providerTold(provider: Provider): void {
    let before: Provider | undefined;
    this.client.setQueryData<Provider[]>(keys.providers(), (all) => {
      before = all?.find((one) => one.id === provider.id);
      if (!all) return all;
      if (!before) return [...all, provider].sort((a, b) => a.name.localeCompare(b.name));
      return all.map((one) => (one.id === provider.id ? provider : one));
    });
    // How true an object is, and its main state, are those of its source: they change without the object being told. What
    // counts is what was told before: what was read may be ahead of the stream, and the lists behind it.
    const now = states(provider);
    const known = this.statesTold.get(provider.id) ?? (before && states(before));
    this.statesTold.set(provider.id, now);
    const isWell = provider.sources.every((source) => source.sync.state === 'live');
    if (known === undefined ? !isWell : known !== now) this.everythingAgain();
  }

  private providerGone(id: string): void {
    this.statesTold.delete(id);
    this.client.setQueryData<Provider[]>(keys.providers(), (all) => all?.filter((one) => one.id !== id));
    this.everythingAgain();
  }

  private everythingAgain(): void {
    for (const name of ['list', 'object', 'count', 'summary']) {
      for (const query of this.client.getQueryCache().findAll({ queryKey: [name] })) this.readAgain(query);
    }
  }

  /** Reads a query again, soon. What nobody looks at is read when somebody does. */
  private readAgain(query: Query): void {
    if (this.again.has(query.queryHash)) return;
    if (!query.isActive()) {
      query.invalidate();
      return;
    }
    const took = this.took.get(query.queryHash) ?? 0;
    const timer = setTimeout(() => {
      this.again.delete(query.queryHash);
      void this.client.invalidateQueries({ queryKey: query.queryKey, exact: true });
    }, Math.max(AGAIN_MS, took * 10));
    this.again.set(query.queryHash, timer);
  }
}

function nameOf(object: Objects[Kind]): string {
  return (object as { name?: string }).name ?? object.id;
}

function changedObject(before: ObjectData | undefined, change: Told): ObjectData | undefined {
  if (!before || !isNewer(change.revision, before.object.revision)) return before;
  return change.object ? { object: change.object, gone: false } : { ...before, gone: true };
}

function sortDiffers(list: ListData, touched: readonly Objects[Kind][], sort: string | undefined): boolean {
  const fields = (sort || 'name').split(',').map((field) => field.replace(/^-/, ''));
  const now = new Map(touched.map((object) => [object.id, object as unknown as Record<string, unknown>]));
  return list.rows.some((row) => {
    const other = now.get(row.id);
    if (!other) return false;
    const before = row as unknown as Record<string, unknown>;
    return fields.some((field) => JSON.stringify(before[field]) !== JSON.stringify(other[field]));
  });
}

/** Whether each source can be trusted, and since when. */
function states(provider: Provider): string {
  return provider.sources.map((source) => `${source.id} ${source.sync.state}`).join();
}
