// The one connection of a tab to the change stream. It resumes where it was cut, begins anew when the gateway has forgotten
// that place, and says how it stands. What it tells is in the order of revisions; nothing is told twice, and nothing missed,
// as long as `restarted` is answered by reading everything again.
import type { Kind, Objects } from '@/api/gen/fields';
import type { components } from '@/api/gen/schema';
import { SseParser, type SseEvent } from './sse';

export type Provider = components['schemas']['Provider'];

export type LiveEvent =
  | { type: 'put'; kind: Kind; revision: string; object: Objects[Kind] }
  | { type: 'delete'; kind: Kind; id: string; revision: string }
  | { type: 'provider'; provider: Provider }
  | { type: 'provider_removed'; id: string }
  /** What came before this revision was not told: read everything again. */
  | { type: 'restarted'; revision: string };

export type ConnectionState = 'connecting' | 'live' | 'lost' | 'paused' | 'ended';

export interface Connection {
  readonly state: ConnectionState;
  /** When the last word came, epoch milliseconds. */
  readonly heardAt: number | undefined;
  /** When the next try is made, epoch milliseconds. */
  readonly retryAt: number | undefined;
}

export interface StreamOptions {
  onEvents: (events: LiveEvent[]) => void;
  onConnection: (connection: Connection) => void;
  onSignedOut: () => void;
  /** What may be seen is not what it was. What was told so far is read again all the same (`restarted`). */
  onAccessChanged?: () => void;
  fetch?: typeof fetch;
  random?: () => number;
  now?: () => number;
}

/** The gateway sends a comment every 5 s: after this silence the connection is dead. */
const SILENCE_MS = 20_000;
const RETRY_FIRST_MS = 500;
const RETRY_MOST_MS = 15_000;

class Silence extends Error {}

export class LiveStream {
  private abort: AbortController | undefined;
  private position: string | undefined;
  private connection: Connection = { state: 'connecting', heardAt: undefined, retryAt: undefined };
  private failures = 0;
  /** Whether `restarted` is still to be told. It outlives a connection that was cut before its first bookmark. */
  private beginning = true;

  constructor(private readonly options: StreamOptions) {}

  /** From which revision it would go on. */
  get revision(): string | undefined {
    return this.position;
  }

  start(): void {
    if (this.abort) return;
    this.abort = new AbortController();
    this.failures = 0;
    void this.run(this.abort.signal);
  }

  /** Lets the connection go and keeps the place: `start` goes on from it. */
  pause(): void {
    this.abort?.abort();
    this.abort = undefined;
    this.tell({ state: 'paused', retryAt: undefined });
  }

  stop(): void {
    this.pause();
    this.position = undefined;
    this.beginning = true;
  }

  /** Tries at once instead of at the next turn. */
  retryNow(): void {
    this.abort?.abort();
    this.abort = undefined;
    this.start();
  }

  private now(): number {
    return (this.options.now ?? Date.now)();
  }

  private tell(change: Partial<Connection>): void {
    this.connection = { ...this.connection, ...change };
    this.options.onConnection(this.connection);
  }

  private async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        const left = await this.follow(signal);
        if (left === 'over') return;
        if (left === 'again') continue;
      } catch (error) {
        if (signal.aborted) return;
        if (!(error instanceof Silence) && !(error instanceof TypeError)) console.debug('the change stream:', error);
      }
      this.failures += 1;
      const most = Math.min(RETRY_MOST_MS, RETRY_FIRST_MS * 2 ** (this.failures - 1));
      const wait = most / 2 + (most / 2) * (this.options.random ?? Math.random)();
      this.tell({ state: 'lost', retryAt: this.now() + wait });
      await sleep(wait, signal);
    }
  }

  /** Follows one connection to its end. Says whether there is to be no other, or one at once. */
  private async follow(signal: AbortSignal): Promise<'over' | 'again'> {
    const query = this.position === undefined ? '' : `?from_revision=${encodeURIComponent(this.position)}`;
    const request = new AbortController();
    const stop = () => request.abort();
    signal.addEventListener('abort', stop);
    try {
      const response = await within(
        SILENCE_MS,
        (this.options.fetch ?? fetch)(`/v1/watch${query}`, { signal: request.signal, headers: { accept: 'text/event-stream' } }),
      );
      if (response.status === 401) {
        this.tell({ state: 'ended', retryAt: undefined });
        this.options.onSignedOut();
        return 'over';
      }
      if (response.status === 410) {
        // The place is forgotten: begin with the present, which says `restarted`.
        this.position = undefined;
        this.beginning = true;
        return await this.follow(signal);
      }
      if (!response.ok || !response.body) throw new TypeError(`HTTP ${response.status}`);
      return await this.read(response.body, signal);
    } finally {
      signal.removeEventListener('abort', stop);
      request.abort();
    }
  }

  private async read(body: ReadableStream<Uint8Array>, signal: AbortSignal): Promise<'over' | 'again'> {
    const reader = body.getReader();
    const decoder = new TextDecoder();
    const parser = new SseParser();
    try {
      for (;;) {
        const { done, value } = await within(SILENCE_MS, reader.read());
        if (done) throw new TypeError('the stream ended');
        if (signal.aborted) return 'over';
        this.failures = 0;
        this.tell({ state: 'live', heardAt: this.now(), retryAt: undefined });
        const told = parser.feed(decoder.decode(value, { stream: true }));
        const ended = told.find((event) => event.event === 'end');
        const events = told.flatMap((event) => this.take(event));
        if (events.length > 0) this.options.onEvents(events);
        if (ended) {
          const { reason } = JSON.parse(ended.data) as { reason: string };
          if (reason === 'signed_out') {
            this.tell({ state: 'ended' });
            this.options.onSignedOut();
            return 'over';
          }
          if (reason === 'access_changed') {
            // What came into sight was never told, what went out of it is not told to be gone.
            this.beginning = true;
            this.options.onAccessChanged?.();
            return 'again';
          }
          throw new TypeError(reason);
        }
      }
    } finally {
      reader.cancel().catch(() => undefined);
    }
  }

  private take({ event, id, data }: SseEvent): LiveEvent[] {
    if (id !== undefined) this.position = id;
    switch (event) {
      case 'put':
      case 'delete':
      case 'provider_removed':
        return [{ ...(JSON.parse(data) as object), type: event } as LiveEvent];
      case 'provider':
        return [{ type: 'provider', provider: JSON.parse(data) as Provider }];
      case 'bookmark': {
        const { revision } = JSON.parse(data) as { revision: string };
        this.position = revision;
        if (!this.beginning) return [];
        this.beginning = false;
        return [{ type: 'restarted', revision }];
      }
      case 'end': {
        const { resume_from } = JSON.parse(data) as { resume_from?: string };
        if (resume_from !== undefined) this.position = resume_from;
        return [];
      }
      default:
        return [];
    }
  }
}

function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener('abort', () => {
      clearTimeout(timer);
      resolve();
    }, { once: true });
  });
}

function within<T>(ms: number, promise: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Silence()), ms);
    promise.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}
