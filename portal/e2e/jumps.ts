// How much a page moves by itself under its reader: Chromium's layout shifts, put together as Web Vitals does it (the worst
// stretch of five seconds without a pause of one). What follows a press or a key within half a second is no jump.
import type { Page } from '@playwright/test';

/** Up to here Web Vitals calls a page steady. */
export const STEADY = 0.1;
const PAUSE_MS = 1_000;
const STRETCH_MS = 5_000;

interface Shift {
  /** The page, and when it began: another load is another page. */
  page: string;
  at: number;
  value: number;
  /** What moved most. */
  what: string;
}

/** Of Chromium; the library of types does not have it. */
interface LayoutShift extends PerformanceEntry {
  value: number;
  hadRecentInput: boolean;
  sources: { node: Node | null; previousRect: DOMRectReadOnly; currentRect: DOMRectReadOnly }[];
}

export interface Stretch {
  value: number;
  page: string;
  what: string[];
}

export class Jumps {
  private readonly shifts: Shift[] = [];
  private excused = false;

  /** Follows a page from its next load on. */
  static async of(page: Page): Promise<Jumps> {
    const jumps = new Jumps();
    await page.exposeBinding('tellJump', (_, shift: Shift) => void (jumps.excused || jumps.shifts.push(shift)));
    await page.addInitScript(() => {
      if (window.top !== window) return;
      const tell = (window as unknown as { tellJump: (shift: Shift) => Promise<void> }).tellJump;
      const called = ({ node, previousRect: a, currentRect: b }: LayoutShift['sources'][number]) => {
        const element = node instanceof Element ? node : node?.parentElement;
        const rect = (one: DOMRectReadOnly) => [one.x, one.y, one.width, one.height].map(Math.round).join(' ');
        return `${element?.tagName.toLowerCase() ?? '?'}.${element?.getAttribute('class') ?? ''} “${(node?.textContent ?? '').slice(0, 30)}” ${rect(a)} → ${rect(b)}`;
      };
      const take = (entries: PerformanceEntryList) => Promise.all((entries as LayoutShift[]).filter((entry) => !entry.hadRecentInput).map((entry) =>
        tell({ page: `${location.pathname} ${performance.timeOrigin}`, at: entry.startTime, value: entry.value, what: entry.sources.map(called).join('; ') })));
      const observer = new PerformanceObserver((list) => void take(list.getEntries()));
      observer.observe({ type: 'layout-shift', buffered: true });
      Object.assign(window, { tellJumps: () => take(observer.takeRecords()) });
    });
    return jumps;
  }

  /** What the test itself moves, such as by another size of the window, is no jump. */
  async excuse(page: Page, act: () => Promise<void>): Promise<void> {
    this.excused = true;
    await act();
    await settled(page);
    this.excused = false;
  }

  /** The worst stretch so far. */
  worst(): Stretch {
    let worst: Stretch = { value: 0, page: '', what: [] };
    const origins = new Set(this.shifts.map(({ page }) => page.split(' ')[1]));
    for (const origin of origins) {
      let stretch: Shift[] = [];
      for (const shift of this.shifts.filter(({ page }) => page.endsWith(` ${origin}`)).sort((a, b) => a.at - b.at)) {
        const [first, last] = [stretch[0], stretch.at(-1)];
        if (first && last && (shift.at - last.at >= PAUSE_MS || shift.at - first.at >= STRETCH_MS)) stretch = [];
        stretch.push(shift);
        const value = stretch.reduce((sum, one) => sum + one.value, 0);
        if (value > worst.value) worst = { value, page: shift.page, what: stretch.map((one) => `${one.value.toFixed(4)} at ${Math.round(one.at)} ms: ${one.what}`) };
      }
    }
    return worst;
  }
}

/** Waits until what was painted last has been told. */
export async function settled(page: Page): Promise<void> {
  await page.evaluate(async () => {
    await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done))));
    await (window as unknown as { tellJumps?: () => Promise<unknown> }).tellJumps?.();
  });
}
