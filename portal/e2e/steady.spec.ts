// Nothing moves under its reader: neither while a page loads, nor while much changes. What is measured is a guard of every
// test (fixtures.ts); here are the pages at which much happens, and the proof that the guard sees a jump.
import type { Page } from '@playwright/test';
import { expect, test } from './fixtures';
import { settled, STEADY } from './jumps';
import type { World } from './world';

const rows = (page: Page) => expect(page.locator('tr[data-id]').first()).toBeVisible();

const pages: [name: string, path: (world: World) => Promise<string> | string, ready: (page: Page) => Promise<void>][] = [
  ['the overview', () => '/', async (page) => expect(page.locator('.sp-measured').first()).toBeVisible()],
  ['a list', () => '/vms', rows],
  ['a list with filters, in another order', () => '/vms?power_state=running,stopped&sort=power_state', rows],
  ['a detail', async (world) => `/vms/${(await world.list('/v1/vms?power_state=running&limit=1'))[0]!.id}`, async (page) => expect(page.getByRole('heading', { level: 1 })).toBeVisible()],
  ['the tree', async (world) => `/inventory?at=vm:${(await world.list('/v1/vms?power_state=running&limit=1'))[0]!.id}`, async (page) => expect(page.getByRole('treeitem').nth(4)).toBeVisible()],
  ['the settings', async (world) => `/providers/${(await world.list('/v1/providers'))[0]!.id}`, async (page) => expect(page.locator('[data-kind="vm"]')).toHaveText(/\d/)],
];

/** So many changes are told while somebody looks. */
const CHANGES = 40;

for (const [name, path, ready] of pages) {
  test(`${name} stays where it is while much changes`, async ({ person: page, world }) => {
    await page.goto(await path(world));
    await ready(page);
    const told = async () => Number(((await world.call('GET', '/v1/vms?limit=1')) as { revision: string }).revision);
    const from = await told();
    await world.simulator.act('/churn', { rate: 8 });
    await world.until('much has changed', async () => (await told()) >= from + CHANGES);
    await world.simulator.act('/churn', { rate: 0 });
    // What was told last is shown: then the guard of every test looks at what moved.
    await settled(page);
  });
}

test('a jump is seen, and what follows a press is none', async ({ nobody: page, jumps, world }) => {
  const { name, value } = await world.cookie();
  await page.context().addCookies([{ name, value, url: world.url, httpOnly: true, sameSite: 'Strict' }]);
  await page.goto('/about');
  await expect(page.getByText(/(^|, )react \d/)).toBeVisible();
  await settled(page);
  expect(jumps.worst().value).toBeLessThan(STEADY);
  const push = () => {
    const block = Object.assign(document.createElement('div'), { id: 'pushed' });
    block.style.minHeight = '400px';
    document.querySelector('.sp-cards')!.before(block);
  };
  await page.evaluate(`document.addEventListener('keydown', ${push.toString()}, { once: true })`);
  await page.keyboard.press('x');
  await settled(page);
  expect(jumps.worst().value).toBeLessThan(STEADY);
  await jumps.excuse(page, () => page.evaluate(() => document.getElementById('pushed')!.remove()));
  expect(jumps.worst().value).toBeLessThan(STEADY);
  // Longer after the press than what is taken for its answer.
  await page.evaluate(() => new Promise((done) => setTimeout(done, 1_000)));
  await page.evaluate(push);
  await settled(page);
  const { value: moved, what } = jumps.worst();
  expect(moved).toBeGreaterThan(STEADY);
  expect(what.join()).toContain('sp-cards');
});
