// The portal's figures: `./dev bench portal`. What they mean: docs/BENCHMARKS.md.
import { expect, test as base, type Browser, type BrowserContext, type Page } from '@playwright/test';
import { World } from '../e2e/world';
import { figure, kb, median, mib, ms, note } from './figures';
import { forget, heap, record, recorded, scriptBytes } from './record';

const quick = process.env.SPANDREL_BENCH_QUICK === '1';
const MACHINES = quick ? 2_000 : 100_000;
const LOADS = quick ? 3 : 7;
const CHURN_S = quick ? 10 : 60;
/** What the page remembers of changes is full by then. */
const WARM_S = quick ? 5 : 45;
const CHANGES = 50;
const SCROLL_MS = quick ? 3_000 : 15_000;
/** How long nothing may hold up a page that counts as answering. */
const QUIET_MS = 1_000;
const SECOND = 1_000;
/** The heap may differ by this much of itself. */
const FLAT = 0.1;

const test = base.extend<object, { world: World }>({
  world: [
    async ({}, use) => {
      const world = await World.start(['--scenario', 'flat', '--vms', String(MACHINES), '--max-updates', '500']);
      await world.addVcenter('vc-bench', 1_800_000);
      await use(world);
      await world.stop();
    },
    { scope: 'worker', timeout: 3_600_000 },
  ],
});
test.describe.configure({ mode: 'serial' });

/** A page of a browser that has never been here and is signed in. */
async function fresh(browser: Browser, world: World): Promise<{ context: BrowserContext; page: Page }> {
  const context = await browser.newContext({ baseURL: world.url, locale: 'en-GB', viewport: { width: 1440, height: 900 } });
  const { name, value } = await world.cookie();
  await context.addCookies([{ name, value, url: world.url, httpOnly: true, sameSite: 'Strict' }]);
  const page = await context.newPage();
  await record(page);
  return { context, page };
}

test('cold load', async ({ browser, world }) => {
  const useful: number[] = [];
  const ready: number[] = [];
  const painted: number[] = [];
  let script = 0;
  for (let run = 0; run < LOADS; run += 1) {
    const { context, page } = await fresh(browser, world);
    await page.goto('/');
    await page.waitForFunction(() => (window.recorded.useful ?? -1) > 0);
    await page.waitForTimeout(QUIET_MS * 2);
    const { tasks, useful: at } = await recorded(page);
    const first = await page.evaluate(() => performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? NaN);
    script = Math.max(script, await scriptBytes(page, at!));
    useful.push(at!);
    painted.push(first);
    // It answers when nothing holds it up any more.
    let quiet = at!;
    for (const { at: from, took } of tasks) if (from < quiet + QUIET_MS) quiet = Math.max(quiet, from + took);
    ready.push(quiet);
    await context.close();
  }
  figure('script before the first useful picture, compressed', kb(script), '< 300 kB', script < 300_000);
  note(`first picture, and first useful picture (a count of the overview), median of ${LOADS}`, `${ms(median(painted))}, ${ms(median(useful))}`);
  figure(`interactive, median of ${LOADS} (slowest)`, `${ms(median(ready))} (${ms(Math.max(...ready))})`, '< 1 s', median(ready) < SECOND);
});

const rows = (page: Page) => page.locator('tr[data-id]');
const region = (page: Page) => page.getByRole('region', { name: /Table of/ });

/** How long until it holds, as a person sees it: looked at in each frame. */
async function takes(page: Page, act: () => Promise<void>, holds: () => boolean): Promise<number> {
  const from = Date.now();
  await act();
  await page.waitForFunction(holds, undefined, { polling: 'raf', timeout: 120_000 });
  return Date.now() - from;
}

test('a long list', async ({ browser, world }) => {
  const { context, page } = await fresh(browser, world);
  const cdp = await context.newCDPSession(page);
  const count = ((await world.call('GET', '/v1/vms/count')) as { count: number }).count;
  const all = `a list of ${count.toLocaleString('en-GB')} VMs`;
  await page.goto('/vms');
  await expect(rows(page).nth(10)).toBeVisible();
  const small = await heap(cdp);

  // By the wheel, as fast as a hand does it.
  await region(page).hover();
  await forget(page);
  for (const from = Date.now(); Date.now() - from < SCROLL_MS; ) {
    await page.mouse.wheel(0, 600);
    await page.waitForTimeout(30);
  }
  const wheel = await recorded(page);
  figure(`${all}: longest frame while scrolling`, `${ms(wheel.frame)}, longest task ${ms(wheel.longest)}`, '< 1 s', wheel.frame < SECOND);

  await forget(page);
  const begun = Date.now();
  const last = page.locator(`tr[aria-rowindex="${count + 1}"]`);
  while (!(await last.isVisible())) {
    await region(page).evaluate((element) => element.scrollTo(0, element.scrollHeight));
    await page.waitForTimeout(30);
    if (Date.now() - begun > 600_000) throw new Error('the end of the list is not reached');
  }
  const end = await recorded(page);
  note(`${all}: to its last row, everything loaded`, `${((Date.now() - begun) / 1000).toFixed(1)} s; heap ${mib(await heap(cdp))}, ${mib(small)} before`);
  figure('longest frame meanwhile', `${ms(end.frame)}, longest task ${ms(end.longest)}`, '< 1 s', end.frame < SECOND);

  await forget(page);
  const sorted = await takes(page, () => page.getByRole('button', { name: 'Memory', exact: true }).click(), () =>
    document.querySelector('th[aria-sort="ascending"]')?.textContent?.includes('Memory') === true && document.querySelectorAll('tr[data-id]').length > 5);
  const sort = await recorded(page);
  figure(`${all}: sorted, everything loaded before`, `${ms(sorted)}, longest frame ${ms(sort.frame)}`, '< 1 s', sorted < SECOND && sort.frame < SECOND);

  await forget(page);
  const filtered = await takes(page, () => page.getByRole('textbox', { name: /^Search/ }).last().fill('00042'), () => {
    const shown = document.querySelector('.sp-toolbar__count')?.textContent ?? '';
    return /^\d{1,3} items?$/.test(shown) && document.querySelectorAll('tr[data-id]').length > 0;
  });
  const filter = await recorded(page);
  figure(`${all}: searched by a part of the name`, `${ms(filtered)}, longest frame ${ms(filter.frame)}`, '< 1 s', filtered < SECOND && filter.frame < SECOND);
  await context.close();
});

for (const [where, path] of [['the list', '/vms'], ['the overview', '/']] as const) {
  test(`changes on ${where}`, async ({ browser, world }) => {
    const { context, page } = await fresh(browser, world);
    const cdp = await context.newCDPSession(page);
    await page.goto(path);
    await expect(path === '/' ? page.locator('.sp-measured').first() : rows(page).nth(10)).toBeVisible();
    await world.simulator.act('/churn', { rate: CHANGES });
    // A press that the page answers: a box of the list, a menu of the overview.
    const press = path === '/' ? page.getByRole('button', { name: 'Language' }) : rows(page).nth(3).getByRole('checkbox');
    const during = async (seconds: number) => {
      for (const from = Date.now(); Date.now() - from < seconds * 1000; ) {
        await press.click();
        await page.waitForTimeout(400);
      }
    };
    await during(WARM_S);
    const before = await heap(cdp);
    const revision = async () => Number(((await world.call('GET', '/v1/vms?limit=1')) as { revision: string }).revision);
    const from = await revision();
    await forget(page);
    await during(CHURN_S);
    const { longest, frame, press: slowest } = await recorded(page);
    const told = (await revision()) - from;
    await world.simulator.act('/churn', { rate: 0 });
    const after = await heap(cdp);
    await context.close();
    note(`${CHANGES} changes/s for ${CHURN_S} s on ${where}`, `${told.toLocaleString('en-GB')} revisions`);
    figure(`slowest answer to a press on ${where} meanwhile`, `${ms(slowest)}; longest task ${ms(longest)}, longest frame ${ms(frame)}`, '< 200 ms', slowest < 200);
    figure(`heap on ${where}, before and after that minute`, `${mib(before)}, ${mib(after)}`, 'grows by less than 10 %', after < before * (1 + FLAT));
  });
}
