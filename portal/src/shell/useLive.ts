// The tab's one change stream: it runs while somebody is signed in, and rests while nobody looks at the tab (browsers give an
// origin few connections). What it missed while resting it is told when it goes on.
import { useQueryClient, type QueryClient } from '@tanstack/react-query';
import { useEffect, useSyncExternalStore } from 'react';
import { ACCESS } from '@/access/queries';
import { tellSignedOut } from '@/api/client';
import { keys, liveCache } from '@/api/queries';
import { recentChanges } from '@/live/recent';
import { LiveStream, type Connection } from '@/live/stream';

const RESTS_AFTER_MS = 30_000;

let connection: Connection = { state: 'connecting', heardAt: undefined, retryAt: undefined };
const listeners = new Set<() => void>();
let stream: LiveStream | undefined;
/** The last word of the gateway came then; kept apart, since it changes all the time. */
let heardAt: number | undefined;

function take(next: Connection): void {
  heardAt = next.heardAt;
  if (next.state === connection.state && next.retryAt === connection.retryAt) return;
  connection = next;
  listeners.forEach((listener) => listener());
}

function begin(client: QueryClient): () => void {
  const cache = liveCache(client);
  const running = new LiveStream({
    onEvents: (events) => {
      recentChanges.take(events, (kind, id) => cache.lastKnown(kind, id));
      cache.take(events);
    },
    onConnection: take,
    onSignedOut: tellSignedOut,
    onAccessChanged: () => {
      for (const queryKey of [keys.session(), [ACCESS]]) void client.invalidateQueries({ queryKey });
    },
  });
  stream = running;
  let rest: ReturnType<typeof setTimeout> | undefined;
  const look = () => {
    clearTimeout(rest);
    if (document.visibilityState === 'hidden') rest = setTimeout(() => running.pause(), RESTS_AFTER_MS);
    else running.start();
  };
  const online = () => running.retryNow();
  document.addEventListener('visibilitychange', look);
  addEventListener('online', online);
  running.start();
  return () => {
    clearTimeout(rest);
    document.removeEventListener('visibilitychange', look);
    removeEventListener('online', online);
    running.stop();
    cache.stop();
    recentChanges.forget();
    stream = undefined;
  };
}

/** Follows the change stream for as long as the component is there. */
export function useLiveStream(): void {
  const client = useQueryClient();
  useEffect(() => begin(client), [client]);
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function useConnection(): Connection {
  return useSyncExternalStore(subscribe, () => connection);
}

/** When the gateway was last heard, epoch milliseconds. */
export function lastHeardAt(): number | undefined {
  return heardAt;
}

export function retryNow(): void {
  stream?.retryNow();
}
