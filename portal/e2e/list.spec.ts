import { readFile } from 'node:fs/promises';
import { expect, signIn, test } from './fixtures';

test('a filter is made, is in the address, and survives back, reload and a link', async ({ person: page, world }) => {
  await page.goto('/vms');
  await page.getByRole('button', { name: 'Filter', exact: true }).click();
  await page.getByLabel('Field', { exact: true }).selectOption('power_state');
  await page.getByLabel('Stopped').check();
  await page.getByRole('button', { name: 'Add filter' }).click();
  await expect(page).toHaveURL(/power_state=stopped/);
  await expect(page.locator('tr[data-id]').first().getByText('Stopped')).toBeVisible();
  const expected = (await world.call('GET', '/v1/vms/count?power_state=stopped')) as { count: number };
  await expect(page.getByText(`${expected.count} items`)).toBeVisible();
  await page.getByRole('button', { name: 'Filter', exact: true }).click();
  await page.getByLabel('Field', { exact: true }).selectOption('memory_mib');
  await page.getByLabel('Condition').selectOption('gte');
  await page.getByLabel('Value', { exact: true }).fill('2');
  await page.getByRole('button', { name: 'Add filter' }).click();
  await expect(page).toHaveURL(/memory_mib\.gte=2048/);
  await page.reload();
  await expect(page.getByText('Memory is at least 2 GiB')).toBeVisible();
  await page.goBack();
  await expect(page.getByText('Memory is at least 2 GiB')).toBeHidden();
  await expect(page).toHaveURL(/power_state=stopped$/);
});

test('sorting, columns and widths are in the address', async ({ person: page, world }) => {
  await page.goto('/vms');
  await page.getByRole('button', { name: 'Memory' }).click();
  await expect(page).toHaveURL(/sort=memory_mib/);
  // The address changes first: pressed at once, it would be pressed on what was there before.
  await expect(page.getByRole('columnheader', { name: 'Memory' })).toHaveAttribute('aria-sort', 'ascending');
  await page.getByRole('button', { name: 'Memory' }).click();
  await expect(page).toHaveURL(/sort=-memory_mib/);
  const [most] = await world.list('/v1/vms?sort=-memory_mib&limit=1');
  await expect(page.locator('tr[data-id]').first()).toHaveAttribute('data-id', most!.id);
  await page.getByRole('button', { name: 'Columns' }).click();
  await page.getByRole('dialog').getByLabel('UUID', { exact: true }).check();
  await page.getByRole('dialog').getByLabel('vCPUs').uncheck();
  await page.getByRole('button', { name: 'Save' }).click();
  await expect(page.getByRole('columnheader', { name: 'UUID' })).toBeVisible();
  await expect(page.getByRole('columnheader', { name: 'vCPUs' })).toHaveCount(0);
  // Rows keep the height that the list reckons with, whatever is in them.
  await expect(page.locator('tr[data-id]').first().getByRole('button', { name: 'Copy: UUID' })).toBeVisible();
  expect(await page.locator('tr[data-id]').evaluateAll((all) => all.map((row) => row.getBoundingClientRect().height).filter((height) => height !== 41))).toEqual([]);
  await page.getByRole('separator', { name: 'Width of Name' }).focus();
  await page.keyboard.press('ArrowRight');
  await expect(page).toHaveURL(/widths=name%3A270/);
});

test('all rows are reached by scrolling, and exported', async ({ person: page, world }) => {
  const { count } = (await world.call('GET', '/v1/volumes/count')) as { count: number };
  expect(count).toBeGreaterThan(100);
  await page.goto('/volumes');
  await expect(page.locator('tr[data-id]').first()).toBeVisible();
  const last = page.locator(`tr[aria-rowindex="${count + 1}"]`);
  await expect(async () => {
    await page.getByRole('region', { name: /Table of/ }).evaluate((region) => region.scrollTo(0, region.scrollHeight));
    await expect(last).toBeVisible({ timeout: 500 });
  }).toPass();
  const download = page.waitForEvent('download');
  await page.getByRole('button', { name: 'More actions' }).click();
  await page.getByRole('menuitem', { name: 'Export CSV' }).click();
  const text = await readFile(await (await download).path(), 'utf8');
  expect(text.trimEnd().split('\r\n')).toHaveLength(count + 1);
  expect(text).toMatch(/^\ufeffid,name,/);
});

test('rows are selected and taken together; what needs a selection says so', async ({ person: page, world }) => {
  await page.goto('/hosts');
  await expect(page.locator('tr[data-id]').nth(2)).toBeVisible();
  const more = page.getByRole('button', { name: 'More actions' });
  await more.click();
  await expect(page.getByRole('menuitem', { name: /^Copy ids Select rows first/ })).toBeDisabled();
  await page.keyboard.press('Escape');
  const [first, second] = [page.locator('tr[data-id]').nth(0), page.locator('tr[data-id]').nth(2)];
  for (const row of [first, second]) await row.getByRole('checkbox').check();
  await expect(page.getByText('2 selected')).toBeVisible();
  const ids = await Promise.all([first, second].map((row) => row.getAttribute('data-id')));
  const download = page.waitForEvent('download');
  await more.click();
  await page.getByRole('menuitem', { name: 'Export the selected' }).click();
  const lines = (await readFile(await (await download).path(), 'utf8')).trimEnd().split('\r\n');
  expect(lines.slice(1).map((line) => line.split(',')[0])).toEqual(ids);
  await page.getByRole('checkbox', { name: 'Select all loaded rows' }).check();
  const { count } = (await world.call('GET', '/v1/hosts/count')) as { count: number };
  await expect(page.getByText(`${count} selected`)).toBeVisible();
  await page.getByRole('button', { name: 'Clear the selection' }).click();
  await expect(page.getByText(/\d selected/)).toBeHidden();
});

test('back leads to the place in a long list, a new page begins at its top and at its head', async ({ person: page }) => {
  await page.goto('/volumes');
  const region = page.getByRole('region', { name: /Table of/ });
  const row = page.locator('tr[aria-rowindex="80"]');
  await expect(async () => {
    await region.evaluate((element) => element.scrollTo(0, 41 * 70));
    await expect(row).toBeVisible({ timeout: 500 });
  }).toPass();
  const id = await row.getAttribute('data-id');
  await row.getByRole('link').first().click();
  await expect(page).toHaveURL(new RegExp(`/volumes/${id}$`));
  await expect(page.getByRole('tabpanel')).toBeVisible();
  await page.goBack();
  await expect(page.locator(`tr[data-id="${id}"]`)).toBeInViewport();
  await page.getByRole('link', { name: 'VMs', exact: true }).click();
  await expect(page.getByRole('heading', { level: 1, name: 'VMs' })).toBeFocused();
  await expect(page.locator('tr[aria-rowindex="2"]')).toBeInViewport();
});

test('the search box finds an object by its address, MAC and UUID, and opens it', async ({ page, world }) => {
  const [vm] = await world.list('/v1/vms?ip_addresses.exists=true&power_state=running&limit=1');
  for (const text of [(vm!.mac_addresses as string[])[0]!, vm!.uuid as string]) {
    await page.keyboard.press('Control+k');
    await expect(page.getByRole('dialog').getByRole('textbox')).toBeFocused();
    await page.keyboard.type(text);
    await expect(page.getByRole('option', { name: vm!.name }).first()).toBeVisible();
    await page.keyboard.press('Escape');
    await expect(page.getByRole('dialog')).toHaveCount(0);
  }
  await page.keyboard.press('Control+k');
  await expect(page.getByRole('dialog').getByRole('textbox')).toBeFocused();
  await page.keyboard.type((vm!.ip_addresses as string[])[0]!);
  await expect(page.getByRole('option', { name: vm!.name }).first()).toBeVisible();
  await page.keyboard.press('Enter');
  await expect(page.getByRole('heading', { level: 1 })).toBeVisible();
});

test('a deep link leads to its page after the sign-in, and signing out ends the session', async ({ visitor: page, world, allowed }) => {
  allowed.push(/401 .*\/v1\/vms$/);
  const [vm] = await world.list('/v1/vms?limit=1');
  await page.goto(`/vms/${vm!.id}/volumes`);
  await signIn(page);
  await expect(page.getByRole('heading', { level: 1 })).toHaveText(vm!.name);
  await expect(page).toHaveURL(/\/volumes$/);
  const cookies = await page.context().cookies();
  expect(cookies).toHaveLength(1);
  expect(cookies[0]).toMatchObject({ httpOnly: true, sameSite: 'Strict', path: '/' });
  expect(await page.evaluate(() => document.cookie)).toBe('');
  await page.getByRole('button', { name: /Account/ }).click();
  await page.getByRole('menuitem', { name: 'Sign out' }).click();
  await expect(page.getByRole('heading', { name: 'Sign in' })).toBeVisible();
  expect(await page.evaluate(async () => (await fetch('/v1/vms')).status)).toBe(401);
});

test('a wrong password is said, and what was typed is kept', async ({ visitor: page, allowed }) => {
  allowed.push(/401 .*\/v1\/login\/cookie$/);
  await page.goto('/');
  await page.getByLabel('User name').fill('admin');
  await page.getByLabel('Password', { exact: false }).first().fill('wrong');
  await page.getByRole('button', { name: 'Sign in' }).click();
  await expect(page.getByText('The user name or the password is wrong')).toBeVisible();
  await expect(page.getByLabel('User name')).toHaveValue('admin');
  await signIn(page);
});
