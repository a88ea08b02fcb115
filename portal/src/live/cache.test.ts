import { QueryClient, QueryObserver } from '@tanstack/react-query';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Objects } from '@/api/gen/fields';
import { keys, type ObjectData } from '@/api/keys';
import { LiveCache } from './cache';
import type { ListData } from './list';
import type { LiveEvent, Provider } from './stream';

type Vm = Objects['vm'];
const vm = (id: string, revision: number, more: object = {}): Vm => ({ id, kind: 'vm', name: id, revision: String(revision), ...more }) as Vm;
const put = (object: Vm): LiveEvent => ({ type: 'put', kind: 'vm', revision: object.revision, object });
const gone = (id: string, revision: number): LiveEvent => ({ type: 'delete', kind: 'vm', id, revision: String(revision) });
const provider = (state: string, more: object = {}): Provider =>
  ({ id: 'p', name: 'lab', sources: [{ id: 's', sync: { state, ...more } }] }) as unknown as Provider;

/** A gateway that is played: its objects and its revision. Lists are by name. */
class World {
  revision = 10;
  objects = new Map<string, Vm>();
  read = 0;

  set(id: string, more: object = {}): LiveEvent {
    this.revision += 1;
    const object = vm(id, this.revision, more);
    this.objects.set(id, object);
    return put(object);
  }

  remove(id: string): LiveEvent {
    this.revision += 1;
    this.objects.delete(id);
    return gone(id, this.revision);
  }

  list(): ListData<'vm'> {
    this.read += 1;
    const rows = [...this.objects.values()].sort((a, b) => a.name.localeCompare(b.name));
    return { rows, next: null, revision: String(this.revision) };
  }
}

describe('LiveCache', () => {
  let client: QueryClient;
  let cache: LiveCache;
  let world: World;
  let stop: () => void;
  const key = keys.list('vm', {});
  const shown = () => client.getQueryData<ListData<'vm'>>(key)?.rows.map((row) => `${row.name}@${row.revision}`);
  const truth = () => [...world.objects.values()].sort((a, b) => a.name.localeCompare(b.name)).map((row) => `${row.name}@${row.revision}`);

  beforeEach(async () => {
    vi.useFakeTimers();
    client = new QueryClient({ defaultOptions: { queries: { staleTime: Infinity, retry: false } } });
    cache = new LiveCache(client);
    world = new World();
    for (const id of ['a', 'b', 'c']) world.set(id);
    const observer = new QueryObserver(client, { queryKey: key, queryFn: () => cache.overtake(world.list()) });
    stop = observer.subscribe(() => undefined);
    await vi.advanceTimersByTimeAsync(0);
  });
  afterEach(() => {
    stop();
    cache.stop();
    client.clear();
    vi.useRealTimers();
  });

  it('shows a change at once and without asking', async () => {
    cache.take([world.set('b', { power_state: 'stopped' })]);
    await vi.advanceTimersByTimeAsync(150);
    expect(shown()).toEqual(truth());
    expect(world.read).toBe(1);
  });

  it('asks for what is new, once for many', async () => {
    cache.take(Array.from({ length: 50 }, (_, n) => world.set(`n${n}`)));
    await vi.advanceTimersByTimeAsync(5_000);
    expect(shown()).toEqual(truth());
    expect(world.read).toBe(2);
  });

  it('takes away what is gone, and does not bring it back with an answer that is older', async () => {
    const old = world.list();
    cache.take([world.remove('b'), world.set('a', { power_state: 'running' })]);
    await vi.advanceTimersByTimeAsync(150);
    expect(shown()).toEqual(truth());
    expect(cache.overtake(old).rows.map((row) => `${row.name}@${row.revision}`)).toEqual(truth());
  });

  it('ends true whatever comes doubled, late or in another order', async () => {
    let seed = 7;
    const random = (below: number) => (seed = (seed * 48_271) % 2_147_483_647) % below;
    for (let round = 0; round < 40; round += 1) {
      const events = Array.from({ length: 1 + random(8) }, () => {
        const id = 'abcdefgh'[random(8)]!;
        return random(3) === 0 && world.objects.has(id) ? world.remove(id) : world.set(id, { n: random(9) });
      });
      // Doubled, and within one batch in any order: what is newest of each object decides.
      const batch = [...events, ...events.slice(random(events.length))].sort(() => random(3) - 1);
      cache.take(batch);
      if (random(2) === 0) await vi.advanceTimersByTimeAsync(random(400));
    }
    await vi.advanceTimersByTimeAsync(10_000);
    expect(shown()).toEqual(truth());
  });

  it('reads everything again when the stream began anew', async () => {
    world.set('lost');
    world.remove('a');
    cache.take([{ type: 'restarted', revision: String(world.revision) }]);
    await vi.advanceTimersByTimeAsync(500);
    expect(shown()).toEqual(truth());
    expect(cache.minRevision).toBe(String(world.revision));
  });

  it('keeps an object that is gone to be read, and marks it', async () => {
    const objectKey = keys.object('vm', 'a');
    client.setQueryData<ObjectData<'vm'>>(objectKey, { object: world.objects.get('a')!, gone: false });
    cache.take([world.remove('a')]);
    await vi.advanceTimersByTimeAsync(150);
    expect(client.getQueryData<ObjectData>(objectKey)).toMatchObject({ gone: true, object: { id: 'a' } });
    cache.take([world.set('a')]);
    await vi.advanceTimersByTimeAsync(150);
    expect(client.getQueryData<ObjectData>(objectKey)).toMatchObject({ gone: false });
  });

  it('reads lists again when a platform is lost, and not for its every word', async () => {
    client.setQueryData(keys.providers(), [provider('live')]);
    cache.take([{ type: 'provider', provider: provider('live', { observed_at: 'later' }) }]);
    await vi.advanceTimersByTimeAsync(5_000);
    expect(world.read).toBe(1);
    cache.take([{ type: 'provider', provider: provider('unreachable') }]);
    await vi.advanceTimersByTimeAsync(5_000);
    expect(world.read).toBe(2);
    expect(client.getQueryData<Provider[]>(keys.providers())?.[0]?.sources[0]?.sync.state).toBe('unreachable');
  });

  it('reads lists again also when the providers were read ahead of the stream, or not at all', async () => {
    cache.take([{ type: 'provider', provider: provider('live') }]);
    await vi.advanceTimersByTimeAsync(5_000);
    expect(world.read).toBe(1);
    client.setQueryData(keys.providers(), [provider('unreachable')]);
    cache.take([{ type: 'provider', provider: provider('unreachable') }]);
    await vi.advanceTimersByTimeAsync(5_000);
    expect(world.read).toBe(2);
  });

  it('reads lists again when the first word of a platform is that it is lost', async () => {
    cache.take([{ type: 'provider', provider: provider('unreachable') }]);
    await vi.advanceTimersByTimeAsync(5_000);
    expect(world.read).toBe(2);
  });

  it('remembers no more than answers on their way can be behind of', async () => {
    const many = (count: number) => cache.take(Array.from({ length: count }, (_, at) => world.set(`made-${world.revision}-${at}`)));
    for (let batch = 0; batch < 10; batch += 1) {
      many(500);
      await vi.advanceTimersByTimeAsync(200);
    }
    expect(cache.memory).toBe(1_000);
    // An answer that takes long is overtaken by everything that was told meanwhile.
    const old = world.list();
    let answer: (list: ListData<'vm'>) => void = () => undefined;
    const asked = cache.during(async () => cache.overtake(await new Promise<ListData<'vm'>>((done) => { answer = done; })));
    cache.take([world.set('a', { n: 1 })]);
    for (let batch = 0; batch < 10; batch += 1) {
      many(500);
      await vi.advanceTimersByTimeAsync(200);
    }
    expect(cache.memory).toBeGreaterThan(5_000);
    answer(old);
    const list = await asked;
    expect(list.rows.find((row) => row.id === 'a')).toEqual(world.objects.get('a'));
    many(1);
    await vi.advanceTimersByTimeAsync(200);
    expect(cache.memory).toBe(1_000);
  });

  it('drops a long list that nobody looks at, and follows one that is looked at', async () => {
    const long = { rows: Array.from({ length: 6_000 }, (_, at) => vm(`long-${at}`, 1)), next: null, revision: '1' };
    const other = keys.list('vm', { sort: 'memory_mib' });
    client.setQueryData(other, long);
    client.setQueryData(key, { ...long, rows: [...long.rows, world.objects.get('a')!] });
    cache.take([world.set('a', { n: 2 })]);
    await vi.advanceTimersByTimeAsync(150);
    expect(client.getQueryData(other)).toBeUndefined();
    expect(client.getQueryData<ListData<'vm'>>(key)?.rows.at(-1)).toEqual(world.objects.get('a'));
  });
});
