import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { LiveStream, type Connection, type LiveEvent } from './stream';

/** A gateway that is played: what each connection gets, and what was asked. */
class Gateway {
  asked: string[] = [];
  answers: (() => Response | Promise<Response>)[] = [];
  private writers: ReadableStreamDefaultController<Uint8Array>[] = [];

  fetch = ((url: string, init?: RequestInit) => {
    this.asked.push(url);
    const answer = this.answers.shift();
    init?.signal?.addEventListener('abort', () => this.cut());
    return Promise.resolve(answer ? answer() : this.open());
  }) as unknown as typeof fetch;

  open = (): Response => {
    const body = new ReadableStream<Uint8Array>({ start: (controller) => void this.writers.push(controller) });
    return new Response(body, { status: 200 });
  };

  send(text: string): void {
    this.writers.at(-1)?.enqueue(new TextEncoder().encode(text));
  }

  cut(): void {
    try {
      this.writers.at(-1)?.error(new TypeError('cut'));
    } catch {
      // It is cut already.
    }
  }
}

const bookmark = (revision: number) => `event: bookmark\nid: ${revision}\ndata: {"revision":"${revision}"}\n\n`;
const put = (revision: number) =>
  `event: put\nid: ${revision}\ndata: {"kind":"vm","revision":"${revision}","object":{"id":"a","revision":"${revision}"}}\n\n`;
const status = (code: number) => () => new Response(null, { status: code });

describe('LiveStream', () => {
  let gateway: Gateway;
  let told: LiveEvent[];
  let states: Connection[];
  let signedOut: number;
  let accessChanged: number;
  let stream: LiveStream;
  const types = () => told.map((event) => ('revision' in event ? `${event.type} ${event.revision}` : event.type));
  const settle = (ms = 0) => vi.advanceTimersByTimeAsync(ms);

  beforeEach(() => {
    vi.useFakeTimers();
    gateway = new Gateway();
    [told, states, signedOut, accessChanged] = [[], [], 0, 0];
    stream = new LiveStream({
      onEvents: (events) => told.push(...events),
      onConnection: (connection) => states.push(connection),
      onSignedOut: () => (signedOut += 1),
      onAccessChanged: () => (accessChanged += 1),
      fetch: gateway.fetch,
      random: () => 0,
    });
  });
  afterEach(() => {
    stream.stop();
    vi.useRealTimers();
  });

  it('begins with the present and says so', async () => {
    stream.start();
    await settle();
    gateway.send('event: provider\ndata: {"id":"p"}\n\n' + bookmark(7));
    await settle();
    expect(gateway.asked).toEqual(['/v1/watch']);
    expect(types()).toEqual(['provider', 'restarted 7']);
    expect(states.at(-1)?.state).toBe('live');
  });

  it('resumes where it was cut, and tells nothing to read again', async () => {
    stream.start();
    await settle();
    gateway.send(bookmark(7) + put(8));
    await settle();
    gateway.cut();
    await settle();
    expect(states.at(-1)?.state).toBe('lost');
    await settle(1_000);
    expect(gateway.asked[1]).toBe('/v1/watch?from_revision=8');
    gateway.send(put(9) + bookmark(9));
    await settle();
    expect(types()).toEqual(['restarted 7', 'put 8', 'put 9']);
    expect(states.at(-1)?.state).toBe('live');
  });

  it('says that it began anew also when the first connection was cut before its bookmark', async () => {
    stream.start();
    await settle();
    gateway.send(put(8));
    await settle();
    gateway.cut();
    await settle(1_000);
    gateway.send(bookmark(9));
    await settle();
    expect(types()).toEqual(['put 8', 'restarted 9']);
  });

  it('begins anew when the gateway has forgotten the place', async () => {
    stream.start();
    await settle();
    gateway.send(bookmark(7));
    await settle();
    gateway.answers.push(status(410));
    gateway.cut();
    await settle(1_000);
    expect(gateway.asked.slice(1)).toEqual(['/v1/watch?from_revision=7', '/v1/watch']);
    gateway.send(bookmark(500));
    await settle();
    expect(types()).toEqual(['restarted 7', 'restarted 500']);
  });

  it('waits longer from failure to failure, and not without end', async () => {
    for (let n = 0; n < 12; n += 1) gateway.answers.push(status(503));
    stream.start();
    const waits: number[] = [];
    for (let n = 0; n < 9; n += 1) {
      await settle();
      const retryAt = states.at(-1)?.retryAt ?? 0;
      waits.push(retryAt - Date.now());
      await settle(retryAt - Date.now());
    }
    expect(waits).toEqual([250, 500, 1000, 2000, 4000, 7500, 7500, 7500, 7500]);
  });

  it('notices a connection that says nothing any more', async () => {
    stream.start();
    await settle();
    gateway.send(bookmark(7));
    await settle(15_000);
    gateway.send(':\n\n');
    await settle(15_000);
    expect(gateway.asked).toHaveLength(1);
    await settle(10_000);
    expect(gateway.asked.length).toBeGreaterThan(1);
    expect(gateway.asked[1]).toBe('/v1/watch?from_revision=7');
  });

  it('goes on after an `end` from where it says', async () => {
    stream.start();
    await settle();
    gateway.send(bookmark(7) + 'event: end\nid: 9\ndata: {"reason":"slow_consumer","resume_from":"9"}\n\n');
    await settle(1_000);
    expect(gateway.asked[1]).toBe('/v1/watch?from_revision=9');
  });

  it('reads everything again, at once, when what may be seen is not what it was', async () => {
    stream.start();
    await settle();
    gateway.send(bookmark(7) + 'event: end\nid: 9\ndata: {"reason":"access_changed","resume_from":"9"}\n\n');
    await settle();
    expect([gateway.asked[1], accessChanged, states.at(-1)?.state]).toEqual(['/v1/watch?from_revision=9', 1, 'live']);
    gateway.send(bookmark(10));
    await settle();
    expect(types()).toEqual(['restarted 7', 'restarted 10']);
  });

  it('ends when nobody is signed in any more', async () => {
    gateway.answers.push(status(401));
    stream.start();
    await settle(60_000);
    expect([signedOut, gateway.asked.length, states.at(-1)?.state]).toEqual([1, 1, 'ended']);
  });

  it('rests, and goes on from its place', async () => {
    stream.start();
    await settle();
    gateway.send(bookmark(7));
    await settle();
    stream.pause();
    await settle(60_000);
    expect(gateway.asked).toHaveLength(1);
    stream.start();
    await settle();
    expect(gateway.asked[1]).toBe('/v1/watch?from_revision=7');
  });
});
