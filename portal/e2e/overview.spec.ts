import { expect, test } from './fixtures';

test('the overview counts, and its figures lead to what they count', async ({ page, world }) => {
  const { count } = (await world.call('GET', '/v1/vms/count?power_state=stopped')) as { count: number };
  await expect(page.getByRole('heading', { name: 'Capacity and use' })).toBeVisible();
  await expect(page.getByRole('meter').first()).toBeVisible();
  // The figures of a provider, and those of its clusters: CPU, memory and storage.
  const [cluster] = await world.list('/v1/clusters?host_count.gt=1&sort=-memory_mib&limit=1');
  for (const what of ['CPU', 'Memory', 'Storage']) {
    for (const where of ['vc-lab', cluster!.name]) await expect(page.getByRole('meter', { name: `${what}: ${where}`, exact: true })).toBeVisible();
  }
  const stopped = page.getByRole('link', { name: /^Stopped/ });
  await expect(stopped).toContainText(String(count));
  await stopped.click();
  await expect(page).toHaveURL(/\/vms\?power_state=stopped$/);
  await expect(page.getByText(`${count} items`)).toBeVisible();
});

test('what happens outside is told as it happens', async ({ page, world }) => {
  await expect(page.getByText('Changes appear here as they happen.')).toBeVisible();
  const [vm] = await world.list('/v1/vms?power_state=running&limit=1');
  await world.simulator.act('/power', { vm: vm!.name, state: 'off' });
  const told = page.getByRole('listitem').filter({ hasText: vm!.name });
  await expect(told.first()).toContainText('Stopped');
  await told.first().getByRole('link', { name: vm!.name }).click();
  await expect(page.getByRole('heading', { level: 1 })).toHaveText(vm!.name);
  await world.simulator.act('/power', { vm: vm!.name, state: 'on' });
});

test('a platform that cannot be reached needs attention, until it is back', async ({ page, world }) => {
  await expect(page.getByText('in step')).toBeVisible();
  await world.simulator.act('/stop-accepting', { close: true });
  await expect(page.getByRole('link', { name: /^vc-lab cannot be reached/ })).toBeVisible({ timeout: 60_000 });
  await expect(page.getByText(/facts from/)).toBeVisible();
  await world.simulator.act('/start-accepting');
  await expect(page.getByRole('link', { name: /^vc-lab cannot be reached/ })).toBeHidden({ timeout: 60_000 });
  await expect(page.getByText('in step')).toBeVisible({ timeout: 60_000 });
});
