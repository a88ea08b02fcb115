// A limit is set and the bar follows; the audit log tells who did it, and what was before.
import type { Page } from '@playwright/test';
import { readFileSync } from 'node:fs';
import { expect, expectAccessibleInBoth, picture, setTheme, test } from './fixtures';

// It leaves a tenant behind that holds machines.
test.use({ realm: 'quotas' });
test.describe.configure({ mode: 'serial' });

const MACHINES = 5;
let tenant = '';
let project = '';
/** What the machines of the project come to. */
let memoryMib = 0;

const dialog = (page: Page) => page.getByRole('dialog');
const row = (page: Page, name: string) => page.getByRole('row', { name: new RegExp(`^${name} `) });

test.beforeAll(async ({ world }) => {
  const make = async (path: string, body: object) => ((await world.call('POST', path, body)) as { id: string }).id;
  tenant = await make('/v1/tenants', { name: 'acme' });
  project = await make('/v1/projects', { name: 'shop', tenant_id: tenant });
  await make('/v1/projects', { name: 'lab', tenant_id: tenant });
  const machines = (await world.list('/v1/vms?limit=200')).filter((vm) => Number(vm.memory_mib) > 0).slice(0, MACHINES);
  memoryMib = machines.reduce((sum, vm) => sum + Number(vm.memory_mib), 0);
  for (const { id } of machines) await world.call('PUT', `/v1/vms/${id}/owner`, { project_id: project });
  await world.until('they are counted', async () => (await world.list(`/v1/projects/${project}/quota`)).some((use) => use.resource === 'vms' && use.used === MACHINES));
});

test('a limit is set, the bar follows, and what cannot be is said at its field', async ({ person: page, allowed }) => {
  allowed.push(/422 .*\/quota/);
  await page.goto(`/tenants/${tenant}`);
  await page.getByRole('tab', { name: 'Quotas' }).click();
  await expect(row(page, 'VMs')).toContainText('5');
  await expect(row(page, 'VMs')).toContainText('No limit');
  // Without a limit there is nothing that a bar could measure.
  await expect(page.getByRole('progressbar')).toHaveCount(0);
  await page.getByRole('button', { name: 'Edit limits' }).click();
  const field = (name: string) => dialog(page).getByRole('textbox', { name, exact: true });
  await field('VMs: Limit').fill('many');
  await page.keyboard.press('Enter');
  await expect(dialog(page).getByText('A whole number from 0 on, or nothing.')).toBeVisible();
  await field('VMs: Limit').fill('10');
  await field('VMs: Warns from').fill('11');
  await page.keyboard.press('Enter');
  await expect(dialog(page).getByText('The warning must not come after the limit.')).toBeVisible();
  await expect(field('VMs: Warns from')).toBeFocused();
  await field('VMs: Warns from').fill('');
  await field('Memory (GiB): Limit').fill('1000');
  await expectAccessibleInBoth(page);
  await picture(page, 'quota-edit');
  await dialog(page).getByRole('button', { name: 'Save' }).click();
  await expect(dialog(page)).toHaveCount(0);
  await expect(row(page, 'VMs')).toContainText('5 of 10');
  await expect(page.getByRole('progressbar', { name: 'Used: VMs' })).toHaveAttribute('aria-valuenow', '50');
  await expect(row(page, 'Memory')).toContainText('of 1,000 GiB');
  expect(memoryMib).toBeGreaterThan(0);
});

test('what is given out below is said, and a limit of the tenant holds in the project', async ({ person: page, world, jumps }) => {
  await world.call('PUT', `/v1/projects/${project}/quota`, { limits: [{ resource: 'vms', hard: 40, soft: 3 }] });
  await page.goto(`/projects/${project}/quotas`);
  // More than its tenant may have is kept; the tighter of both holds.
  await expect(row(page, 'VMs')).toContainText('5 of 40');
  await expect(row(page, 'VMs')).toContainText('Much is used');
  await expect(row(page, 'VMs')).toContainText('as the tenants above allow');
  await page.getByRole('button', { name: 'Edit limits' }).click();
  await dialog(page).getByRole('textbox', { name: 'VMs: Limit', exact: true }).fill('6');
  await dialog(page).getByRole('textbox', { name: 'VMs: Warns from', exact: true }).fill('');
  await page.keyboard.press('Enter');
  await expect(row(page, 'VMs')).toContainText('5 of 6');
  await expect(page.locator('.pf-m-warning').getByRole('progressbar')).toHaveAttribute('aria-valuenow', '83');
  await world.call('PUT', `/v1/projects/${project}/quota`, { limits: [{ resource: 'vms', hard: 5 }, { resource: 'vcpus', hard: 1 }] });
  await page.reload();
  await expect(row(page, 'VMs')).toContainText('5 of 5 · Nothing is left');
  await expect(row(page, 'vCPUs')).toContainText('Over the limit');
  await expectAccessibleInBoth(page);
  await picture(page, 'project-quotas');
  await page.goto(`/tenants/${tenant}/quotas`);
  await expect(row(page, 'VMs')).toContainText('5 can still be given out');
  await expectAccessibleInBoth(page);
  await picture(page, 'tenant-quotas');
  await jumps.excuse(page, () => page.setViewportSize({ width: 390, height: 844 }));
  await expect(page.getByRole('progressbar').first()).toBeVisible();
  await expect.poll(() => page.evaluate(() => document.documentElement.scrollWidth), { message: 'nothing is wider than a phone' }).toBeLessThanOrEqual(390);
  await picture(page, 'tenant-quotas-phone');
});

test('the audit log tells of that very change, who did it, and what was before', async ({ person: page }) => {
  await page.goto(`/tenants/${tenant}`);
  await page.getByRole('link', { name: 'What was done to it' }).click();
  const entries = page.getByRole('row', { name: /Set the limits of tenant/ });
  // The one that was refused is told too.
  await expect(entries).toHaveCount(2);
  await expect(entries.nth(1)).toContainText('Failed');
  const entry = entries.first();
  await expect(entry).toContainText('admin');
  await expect(entry).toContainText('Done');
  await expect(entry).toContainText('Portal');
  await expect(entry.getByRole('link', { name: 'acme' })).toHaveAttribute('href', `/tenants/${tenant}`);
  await entry.getByRole('button', { name: /Show more of entry/ }).click();
  await expect(page.getByText('127.0.0.1').first()).toBeVisible();
  const changes = page.getByRole('region', { name: 'What changed' });
  await expect(changes).toContainText('Limits › VMs › Limit');
  await expect(changes).toContainText('1,000 GiB');
  await expectAccessibleInBoth(page);
  await picture(page, 'audit-entry');
  await setTheme(page, 'dark');
  await picture(page, 'audit-entry-dark');
  await setTheme(page, 'light');
  // All of one request, which is this one alone.
  await page.getByRole('link', { name: 'All of this request' }).click();
  await expect(page.getByText(/^Request: /)).toBeVisible();
  await expect(page.locator('tr[data-seq]')).toHaveCount(1);
});

test('the audit log is narrowed, read on, exported and verified', async ({ person: page, world }) => {
  await fetch(`${world.url}/v1/login`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ username: 'mallory', password: 'no such one' }) });
  for (let number = 0; number < 60; number += 1) await world.call('PUT', `/v1/projects/${project}/quota`, { limits: [{ resource: 'vms', hard: number + 10 }] });
  await page.goto('/');
  await page.getByRole('navigation', { name: 'Navigation' }).getByRole('link', { name: 'Audit log' }).click();
  await expect(page.locator('tr[data-seq]')).toHaveCount(50);
  await page.getByRole('button', { name: 'Older entries' }).click();
  await expect(page.locator('tr[data-seq]').nth(60)).toBeVisible();
  await expectAccessibleInBoth(page);
  await page.getByRole('combobox', { name: 'Result' }).selectOption({ label: 'Refused' });
  await expect(page.locator('tr[data-seq]')).toHaveCount(1);
  await expect(page.getByRole('row', { name: /mallory Sign in/ })).toContainText('Refused');
  await picture(page, 'audit-refused');
  // It stands in the address.
  await page.reload();
  await expect(page.locator('tr[data-seq]')).toHaveCount(1);
  const kept = page.waitForEvent('download');
  await page.getByRole('link', { name: 'Export (JSON lines)' }).click();
  const lines = readFileSync(await (await kept).path(), 'utf8').trim().split('\n').map((line) => JSON.parse(line) as { actor: string });
  expect(lines.map(({ actor }) => actor)).toEqual(['mallory']);
  await page.getByRole('button', { name: 'Clear all filters' }).click();
  await expect(page.locator('tr[data-seq]')).toHaveCount(50);
  await page.getByRole('textbox', { name: 'From the day' }).fill('2001-01-01');
  await page.getByRole('textbox', { name: 'To the day' }).fill('2001-01-31');
  await expect(page.getByText('No entry matches the filters')).toBeVisible();
  await page.getByRole('button', { name: 'Verify' }).click();
  await expect(page.getByText('The audit log is whole')).toBeVisible();
});

test('in Chinese too', async ({ person: page }) => {
  await page.addInitScript(() => localStorage.setItem('spandrel.language', 'zh-CN'));
  await page.goto(`/audit?object_kind=tenant&object_id=${tenant}`);
  await page.getByRole('row', { name: /设置租户的限额/ }).first().getByRole('button').click();
  await expect(page.getByRole('region', { name: '变更内容' })).toContainText('限额 › 虚拟机 › 限额');
  await picture(page, 'audit-zh');
  await page.goto(`/tenants/${tenant}/quotas`);
  await expect(page.getByRole('row', { name: /^虚拟机 / })).toContainText('5 / 10');
  await picture(page, 'tenant-quotas-zh');
});
