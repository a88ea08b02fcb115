import { expect, test } from './fixtures';

test('the tree is walked by keys, down to a VM that follows what happens', async ({ person: page, world }) => {
  await page.goto('/inventory');
  const tree = page.getByRole('tree', { name: 'Inventory by Hosts' });
  await expect(tree.getByRole('treeitem').nth(1)).toBeVisible();
  const [vm] = await world.list('/v1/vms?power_state=running&limit=1');
  const steps = await world.treePath(vm!);
  await tree.focus();
  const item = (text: string, level: number) => tree.locator(`[role=treeitem][aria-level="${level}"]`).filter({ hasText: text }).first();
  const goTo = async (text: string, level: number) => {
    await expect(item(text, level)).toBeVisible();
    for (let step = 0; step < 60; step += 1) {
      const at = await tree.getAttribute('aria-activedescendant');
      if (at === (await item(text, level).getAttribute('id'))) return;
      await page.keyboard.press('ArrowDown');
    }
    throw new Error(`the keys do not reach ${text}`);
  };
  for (const step of steps.slice(0, -1)) {
    await goTo(step.name, step.level);
    await page.keyboard.press('ArrowRight');
  }
  const { level } = steps.at(-1)!;
  await goTo(vm!.name, level);
  await page.keyboard.press('Enter');
  await expect(page).toHaveURL(new RegExp(`at=vm%3A${vm!.id}`));
  await expect(page.getByRole('heading', { level: 2, name: vm!.name })).toBeVisible();
  await expect(item(vm!.name, level).getByText('Running')).toBeVisible();
  await world.simulator.act('/power', { vm: vm!.name, state: 'off' });
  await expect(item(vm!.name, level).getByText('Stopped')).toBeVisible();
  await expect(page.getByRole('region', { name: 'What is chosen' }).getByText('Stopped').first()).toBeVisible();
  await world.simulator.act('/power', { vm: vm!.name, state: 'on' });
  await expect(item(vm!.name, level).getByText('Running')).toBeVisible();
  await page.keyboard.press('ArrowLeft');
  await page.keyboard.press('ArrowLeft');
  await expect(item(vm!.name, level)).toBeHidden();
  // A link leads to its place in the tree.
  await page.reload();
  await expect(item(vm!.name, level)).toBeVisible();
  await expect(item(vm!.name, level)).toHaveAttribute('aria-selected', 'true');
});

test('the other views are in the address and go down to VMs', async ({ person: page }) => {
  for (const [view, label] of [['networks', 'Networks'], ['datastores', 'Datastores'], ['folders', 'Folders']] as const) {
    await page.goto(`/inventory?view=${view}`);
    const tree = page.getByRole('tree', { name: `Inventory by ${label}` });
    const zone = tree.locator('[role=treeitem][aria-level="2"]').first();
    await expect(zone).toBeVisible();
    await zone.locator('.sp-tree__toggle').click();
    await expect(tree.locator('[role=treeitem][aria-level="3"]').first()).toBeVisible();
    await expect(page.getByRole('button', { name: label })).toHaveAttribute('aria-pressed', 'true');
  }
});

test('every noun has a table that leads to a page with an id to copy, and says what does not belong to it', async ({ person: page, world }) => {
  test.slow();
  await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
  for (const noun of ['vms', 'hosts', 'clusters', 'zones', 'resource-pools', 'folders', 'datastores', 'networks', 'images', 'volumes', 'nics', 'snapshots', 'tags', 'storage-policies', 'content-libraries']) {
    await page.goto(`/${noun}`);
    const row = page.locator('tr[data-id]').first();
    await expect(row, noun).toBeVisible();
    const id = await row.getAttribute('data-id');
    await row.getByRole('link').first().click();
    await expect(page).toHaveURL(new RegExp(`/${noun}/${id}$`));
    const copy = page.getByRole('tabpanel').getByRole('button', { name: 'Copy: Id' });
    await expect(copy, noun).toBeVisible();
    await copy.click();
    expect(await page.evaluate(() => navigator.clipboard.readText()), noun).toBe(id);
  }
  const [bare] = await world.list('/v1/vms?nic_count=0&limit=1');
  if (bare) {
    await page.goto(`/vms/${bare.id}/nics`);
    await expect(page.getByText('No NIC belongs to it.')).toBeVisible();
  }
});

test('hardware is told with its parts', async ({ person: page, world }) => {
  const [vm] = await world.list('/v1/vms?volume_count.gt=1&nic_count.gt=0&limit=1');
  await page.goto(`/vms/${vm!.id}`);
  await page.getByRole('tab', { name: 'Hardware' }).click();
  await expect(page).toHaveURL(/\/hardware$/);
  const volumes = await world.list(`/v1/volumes?vm_id=${vm!.id}`);
  for (const { name } of volumes) await expect(page.getByRole('grid', { name: 'Volumes' }).getByRole('link', { name, exact: true })).toBeVisible();
  const [nic] = await world.list(`/v1/nics?vm_id=${vm!.id}`);
  await expect(page.getByRole('grid', { name: 'NICs' }).getByText(nic!.mac_address as string)).toBeVisible();
  await page.getByRole('tab', { name: 'Platform detail' }).click();
  await expect(page.getByRole('tabpanel', { name: 'Platform detail' }).locator('code')).toContainText('"');
});

test('relations are links, and snapshots a tree', async ({ person: page, world }) => {
  const [vm] = await world.list('/v1/vms?snapshot_count.gt=1&limit=1');
  await page.goto(`/vms/${vm!.id}/snapshots`);
  const snapshots = await world.list(`/v1/snapshots?vm_id=${vm!.id}`);
  for (const { name } of snapshots) await expect(page.getByRole('tabpanel').getByRole('link', { name, exact: true })).toBeVisible();
  await expect(page.getByText('The VM is here')).toBeVisible();
  await page.getByRole('tab', { name: 'Relations' }).click();
  const host = ((await world.call('GET', `/v1/hosts/${String(vm!.host_id)}`)) as { name: string }).name;
  await page.getByRole('tabpanel').getByRole('link', { name: host }).click();
  await expect(page.getByRole('heading', { level: 1 })).toHaveText(host);
});
