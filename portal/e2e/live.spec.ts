import { expect, test } from './fixtures';

test('an outside power change by govc appears in the list and the detail without a reload', async ({ person: page, world }) => {
  const [vm] = await world.list('/v1/vms?power_state=running&limit=1');
  await page.goto(`/vms?q=${vm!.name}`);
  const row = page.locator(`tr[data-id="${vm!.id}"]`);
  await expect(row.getByText('Running', { exact: true })).toBeVisible();
  await page.evaluate(() => Object.assign(window, { notReloaded: true }));
  const path = (await world.simulator.govc('find', '/', '-type', 'm', '-name', vm!.name)).trim();

  await world.simulator.govc('vm.power', '-off', path);
  await expect(row.getByText('Stopped', { exact: true })).toBeVisible();
  await expect(row.locator('[data-changed]').first()).toBeAttached();

  await row.getByRole('link', { name: vm!.name }).click();
  await expect(page.getByRole('heading', { level: 1, name: vm!.name })).toBeVisible();
  await expect(page.getByText('Stopped', { exact: true }).first()).toBeVisible();
  await world.simulator.govc('vm.power', '-on', path);
  await expect(page.getByText('Running', { exact: true }).first()).toBeVisible();
  // What happened is kept: the field with its value before and after.
  await page.getByRole('tab', { name: 'Changes' }).click();
  const changes = page.getByRole('grid', { name: 'Changes' }).getByRole('row').filter({ hasText: 'Power state' });
  await expect(changes.filter({ hasText: /Running.*Stopped/ }).first()).toBeVisible();
  await expect(changes.filter({ hasText: /Stopped.*Running/ }).first()).toBeVisible();
  expect(await page.evaluate(() => 'notReloaded' in window)).toBe(true);
});

test('what is made and removed outside comes and goes, with the counts', async ({ person: page, world }) => {
  const made = 'portal-made-0001';
  await page.goto('/vms?q=portal-made');
  await expect(page.getByRole('heading', { name: 'Nothing matches' })).toBeVisible();
  await world.simulator.act('/vm/create', { name: 'portal-made', count: 1 });
  await expect(page.getByRole('link', { name: made })).toBeVisible();
  await expect(page.getByText('1 item', { exact: true })).toBeVisible();
  await page.getByRole('link', { name: made }).click();
  await expect(page.getByRole('heading', { level: 1 })).toHaveText(made);
  await world.simulator.act('/vm/delete', { vm: made });
  await expect(page.getByText('This VM is gone')).toBeVisible();
  await page.goBack();
  await expect(page.getByRole('heading', { name: 'Nothing matches' })).toBeVisible();
});

test('a lost gateway is said, and caught up with when it is back', async ({ person: page, world, allowed }) => {
  allowed.push(/ERR_CONNECTION_REFUSED|ERR_EMPTY_RESPONSE|ERR_INCOMPLETE_CHUNKED_ENCODING|ERR_CONNECTION_RESET|503 .*\/v1\/watch/);
  const [vm] = await world.list('/v1/vms?power_state=running&limit=1');
  await page.goto(`/vms?q=${vm!.name}`);
  const row = page.locator(`tr[data-id="${vm!.id}"]`);
  await expect(row.getByText('Running', { exact: true })).toBeVisible();
  await world.stopGateway();
  await expect(page.getByText('The connection to the gateway is lost')).toBeVisible();
  await world.simulator.act('/power', { vm: vm!.name, state: 'off' });
  await world.startGateway();
  await expect(page.getByText('The connection to the gateway is lost')).toBeHidden();
  await expect(row.getByText('Stopped', { exact: true })).toBeVisible();
  await world.simulator.act('/power', { vm: vm!.name, state: 'on' });
  await expect(row.getByText('Running', { exact: true })).toBeVisible();
});

test('a platform that goes away leaves its objects, marked with their age', async ({ person: page, world }) => {
  await page.goto('/vms');
  await expect(page.getByRole('row').nth(3)).toBeVisible();
  await world.simulator.act('/stop-accepting', { close: true });
  await expect(page.getByRole('img', { name: /^As of/ }).first()).toBeVisible({ timeout: 60_000 });
  await expect(page.getByText('Unknown', { exact: true }).first()).toBeVisible();
  await world.simulator.act('/start-accepting');
  await expect(page.getByRole('img', { name: /^As of/ })).toHaveCount(0, { timeout: 60_000 });
});
