import { useSyncExternalStore } from 'react';

// One timer for each pace, however many components follow it.
interface Clock {
  now: number;
  listeners: Set<() => void>;
  timer: ReturnType<typeof setInterval> | undefined;
}
const clocks = new Map<number, Clock>();

function clockOf(paceMs: number): Clock {
  let clock = clocks.get(paceMs);
  if (!clock) {
    clock = { now: Date.now(), listeners: new Set(), timer: undefined };
    clocks.set(paceMs, clock);
  }
  return clock;
}

const subscribers = new Map<number, (listener: () => void) => () => void>();

function subscriberOf(paceMs: number) {
  let subscribe = subscribers.get(paceMs);
  if (!subscribe) {
    subscribe = (listener) => {
      const clock = clockOf(paceMs);
      clock.listeners.add(listener);
      if (!clock.timer) {
        clock.now = Date.now();
        clock.timer = setInterval(() => {
          clock.now = Date.now();
          clock.listeners.forEach((one) => one());
        }, paceMs);
      }
      return () => {
        clock.listeners.delete(listener);
        if (clock.listeners.size > 0) return;
        clearInterval(clock.timer);
        clock.timer = undefined;
      };
    };
    subscribers.set(paceMs, subscribe);
  }
  return subscribe;
}

/** The time, epoch milliseconds; moves on at this pace. */
export function useNow(paceMs: number): number {
  const clock = clockOf(paceMs);
  return useSyncExternalStore(subscriberOf(paceMs), () => clock.now);
}
