// What the browser itself says of a page: long tasks, frames that came late, how long it took from a press to its picture, the
// script that was loaded, the heap.
import type { CDPSession, Page } from '@playwright/test';

interface Recorded {
  /** Tasks over 50 ms: when each began and how long it took, milliseconds. */
  tasks: { at: number; took: number }[];
  /** The longest time between two frames. */
  frame: number;
  /** From a press to the picture that answers it. */
  presses: number[];
  /** When the overview showed its first count. */
  useful: number | undefined;
}

declare global {
  interface Window {
    recorded: Recorded;
  }
}

/** Begins to record before the page's own scripts run. */
export async function record(page: Page): Promise<void> {
  await page.addInitScript(() => {
    const recorded: Recorded = { tasks: [], frame: 0, presses: [], useful: undefined };
    window.recorded = recorded;
    new PerformanceObserver((list) => {
      for (const { startTime, duration } of list.getEntries()) recorded.tasks.push({ at: startTime, took: duration });
    }).observe({ type: 'longtask', buffered: true });
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries() as (PerformanceEventTiming & { interactionId: number })[]) if (entry.interactionId) recorded.presses.push(entry.duration);
    }).observe({ type: 'event', durationThreshold: 16 } as PerformanceObserverInit);
    let last = performance.now();
    const next = (now: number) => {
      recorded.frame = Math.max(recorded.frame, now - last);
      last = now;
      if (recorded.useful === undefined && /\d/.test(document.querySelector('.sp-count__number')?.textContent ?? '')) {
        // The frame that shows it is made after this.
        recorded.useful = -1;
        requestAnimationFrame(() => {
          recorded.useful = performance.now();
        });
      }
      requestAnimationFrame(next);
    };
    requestAnimationFrame(next);
  });
}

export async function forget(page: Page): Promise<void> {
  await page.evaluate(() => {
    Object.assign(window.recorded, { tasks: [], frame: 0, presses: [] });
  });
}

export async function recorded(page: Page): Promise<Recorded & { longest: number; press: number }> {
  const of = await page.evaluate(() => window.recorded);
  return { ...of, longest: Math.max(0, ...of.tasks.map(({ took }) => took)), press: Math.max(0, ...of.presses) };
}

/** Bytes of script as they came over the wire until then, milliseconds after the page began. */
export function scriptBytes(page: Page, until: number): Promise<number> {
  return page.evaluate((most) => {
    const files = performance.getEntriesByType('resource') as PerformanceResourceTiming[];
    return files.filter(({ name, responseEnd }) => /\.js(\?|$)/.test(name) && responseEnd <= most).reduce((sum, { encodedBodySize }) => sum + encodedBodySize, 0);
  }, until);
}

/** What is in use after everything that can go is gone. */
export async function heap(cdp: CDPSession): Promise<number> {
  await cdp.send('HeapProfiler.collectGarbage');
  const { usedSize } = (await cdp.send('Runtime.getHeapUsage')) as { usedSize: number };
  return usedSize;
}
