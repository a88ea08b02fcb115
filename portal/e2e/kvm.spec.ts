// A vCenter and a real KVM host beside each other: what `virsh` does there is seen, and so is that the host goes away.
import { expect, expectAccessible, picture, test } from './fixtures';
import type { Lab } from './lab';

test.describe.configure({ mode: 'serial' });

let lab: Lab;
test.beforeAll(async ({ world }) => {
  lab = await world.addKvm();
});
// The others find the gateway as it was.
test.afterAll(async ({ world }) => {
  await world.removeKvm();
});

test('an outside virsh appears in the tree, the list and the detail without a reload', async ({ person: page, world }) => {
  const { name } = lab.report.guests[0]!;
  const [vm] = await world.list(`/v1/vms?name=${name}`);
  const steps = await world.treePath(vm!);
  await page.goto('/inventory');
  await page.evaluate(() => Object.assign(window, { notReloaded: true }));
  const tree = page.getByRole('tree');
  const item = ({ name, level }: { name: string; level: number }) =>
    tree.locator(`[role=treeitem][aria-level="${level}"]`).filter({ hasText: name }).first();
  // Both platforms stand beside each other.
  for (const provider of ['vc-lab', 'kvm-lab']) await expect(item({ name: provider, level: 1 })).toBeVisible();
  for (const step of steps.slice(0, -1)) await item(step).locator('.sp-tree__toggle').click();
  const leaf = item(steps.at(-1)!);
  await expect(leaf.getByText('Running')).toBeVisible();
  await lab.virsh('destroy', name);
  await expect(leaf.getByText('Stopped')).toBeVisible();

  await page.getByRole('link', { name: 'VMs', exact: true }).click();
  const row = page.locator(`tr[data-id="${vm!.id}"]`);
  await page.getByRole('textbox', { name: /Search/ }).first().fill(name);
  await expect(row.getByText('Stopped', { exact: true })).toBeVisible();
  await lab.virsh('start', name);
  await expect(row.getByText('Running', { exact: true })).toBeVisible();
  await expect(row.locator('[data-changed]').first()).toBeAttached();

  await row.getByRole('link', { name }).click();
  await expect(page.getByRole('heading', { level: 1, name })).toBeVisible();
  await expect(page.getByText('Running', { exact: true }).first()).toBeVisible();
  await lab.virsh('suspend', name);
  await expect(page.getByText('Paused', { exact: true }).first()).toBeVisible();
  await lab.virsh('resume', name);
  await expect(page.getByText('Running', { exact: true }).first()).toBeVisible();
  expect(await page.evaluate(() => 'notReloaded' in window)).toBe(true);
});

test('a KVM host that goes away leaves its machines with their age, and is in step again when it is back', async ({ person: page }) => {
  const { name } = lab.report.guests[0]!;
  await page.goto(`/vms?q=${name}`);
  const row = page.locator('tr[data-id]').filter({ hasText: name });
  await expect(row.getByText('Running', { exact: true })).toBeVisible();
  await lab.libvirtd('stop');
  await expect(row.getByText('Unknown', { exact: true })).toBeVisible();
  await expect(row.getByRole('img', { name: /^As of/ })).toBeVisible();
  await page.getByRole('link', { name: 'Overview', exact: true }).click();
  await expect(page.getByRole('link', { name: /^kvm-lab cannot be reached/ })).toBeVisible();
  // What happens meanwhile is caught up with.
  await lab.libvirtd('start');
  await expect(page.getByRole('link', { name: /^kvm-lab cannot be reached/ })).toBeHidden();
  await page.goBack();
  await expect(row.getByText('Running', { exact: true })).toBeVisible();
  await expect(row.getByRole('img', { name: /^As of/ })).toHaveCount(0);
});

test('what a KVM host has is shown as well as what a vCenter has', async ({ person: page, world }) => {
  const [vm] = await world.list(`/v1/vms?name=${lab.report.guests[0]!.name}`);
  await page.goto('/');
  await expect(page.locator('.sp-measured').nth(3)).toBeVisible();
  await picture(page, 'overview-two');
  await page.goto(`/vms/${vm!.id}`);
  await expect(page.getByRole('heading', { level: 1, name: vm!.name })).toBeVisible();
  await expect(page.locator('.pf-v6-c-skeleton')).toHaveCount(0);
  await expectAccessible(page);
  await picture(page, 'vm-of-kvm');
});
