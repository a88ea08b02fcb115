// The pictures of README.md and the documentation. Where they are to be kept, SPANDREL_DOCS_PICTURES says so:
// `SPANDREL_DOCS_PICTURES=../docs/pictures npx playwright test e2e/pictures.spec.ts`.
import type { Page } from '@playwright/test';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, setTheme, test } from './fixtures';
import { shrink } from './png';

const folder = process.env.SPANDREL_DOCS_PICTURES ?? join(import.meta.dirname, '../test-results/docs');

test.use({ viewport: { width: 1280, height: 800 } });

async function take(page: Page, name: string): Promise<void> {
  await expect(page.locator('.pf-v6-c-skeleton')).toHaveCount(0);
  mkdirSync(folder, { recursive: true });
  const small = shrink(await page.screenshot({ animations: 'disabled' }));
  expect(small.length, 'the size of a picture').toBeLessThan(80_000);
  writeFileSync(join(folder, `${name}.png`), small);
}

test('the overview, with what happens', async ({ page, world }) => {
  await expect(page.locator('.sp-measured').first()).toBeVisible();
  for (const vm of await world.list('/v1/vms?power_state=running&limit=6')) await world.simulator.act('/power', { vm: vm.name, state: 'off' });
  await expect(page.locator('.sp-recent__one').nth(5)).toBeVisible();
  await take(page, 'overview');
});

test('the inventory', async ({ person: page, world }) => {
  const [vm] = await world.list('/v1/vms?power_state=running&limit=1&sort=-memory_mib');
  await page.goto(`/inventory?at=vm:${vm!.id}`);
  await expect(page.locator('[role=treeitem][aria-selected=true]')).toBeVisible();
  await take(page, 'inventory');
});

test('a list', async ({ person: page }) => {
  await page.goto('/vms?power_state=running&memory_mib.gte=8192&sort=-memory_mib');
  await setTheme(page, 'dark');
  await expect(page.locator('tr[data-id]').nth(8)).toBeVisible();
  await take(page, 'vms');
});

test('relations', async ({ person: page, world }) => {
  const [vm] = await world.list('/v1/vms?power_state=running&nic_count.gt=1&limit=1');
  await page.goto(`/vms/${vm!.id}/relations`);
  await expect(page.locator('.sp-topology__box').nth(4)).toBeVisible();
  await take(page, 'relations');
});

test('snapshots', async ({ person: page, world }) => {
  const [vm] = await world.list('/v1/vms?snapshot_count.gt=2&limit=1');
  await page.goto(`/vms/${vm!.id}/snapshots`);
  await expect(page.locator('.sp-twig').nth(2)).toBeVisible();
  await take(page, 'snapshots');
});
