// Saved views, and what is done without a mouse.
import { expect, expectAccessible, expectAccessibleInBoth, picture, test } from './fixtures';

test('a view is saved, gone to, shared by its link, replaced and deleted', async ({ person: page }) => {
  await page.goto('/vms?power_state=running&sort=-memory_mib');
  await page.getByRole('button', { name: 'Views' }).click();
  await page.getByRole('menuitem', { name: 'Save this view' }).click();
  await page.getByRole('dialog').getByRole('textbox').fill('Running, biggest first');
  await expectAccessibleInBoth(page);
  await picture(page, 'view-save');
  await page.keyboard.press('Enter');
  await expect(page.getByRole('button', { name: 'Views: Running, biggest first' })).toBeVisible();
  await page.getByRole('button', { name: /^Views/ }).click();
  await page.getByRole('menuitem', { name: 'Standard view' }).click();
  await expect(page).toHaveURL(/\/vms$/);
  await page.reload();
  await page.getByRole('button', { name: 'Views' }).click();
  await page.getByRole('menuitem', { name: 'Running, biggest first' }).click();
  await expect(page).toHaveURL(/power_state=running&sort=-memory_mib$/);
  await page.goBack();
  await expect(page).toHaveURL(/\/vms$/);
  // A view belongs to its noun.
  await page.goto('/hosts');
  await page.getByRole('button', { name: 'Views' }).click();
  await expect(page.getByRole('menuitem', { name: 'Running, biggest first' })).toHaveCount(0);
  await expectAccessible(page);
  await page.keyboard.press('Escape');
  await page.goto('/vms');
  await page.getByRole('button', { name: 'Views' }).click();
  await page.getByRole('menuitem', { name: 'Manage views' }).click();
  await expect(page.getByRole('dialog')).toBeVisible();
  await expectAccessibleInBoth(page);
  await page.getByRole('button', { name: 'Delete the view “Running, biggest first”' }).click();
  await expect(page.getByText('No views are saved yet.')).toBeVisible();
});

test('every menu and dialog of a list and of a provider is walked with the keyboard', async ({ person: page, world }) => {
  await page.goto('/vms');
  await expect(page.locator('tr[data-id]').first()).toBeVisible();
  const opened = async (name: RegExp | string, role: 'menu' | 'dialog') => {
    const button = page.getByRole('button', { name, exact: typeof name === 'string' });
    await button.focus();
    await page.keyboard.press('Enter');
    await expect(page.getByRole(role)).toBeVisible();
    // The focus is within what was opened.
    await expect(page.getByRole(role).locator(':focus')).toHaveCount(1);
    await page.keyboard.press('Escape');
    await expect(page.getByRole(role)).toHaveCount(0);
    await expect(button, `${name} has the focus again`).toBeFocused();
  };
  await opened('Filter', 'dialog');
  await opened('Columns', 'dialog');
  await opened('Views', 'menu');
  await opened('More actions', 'menu');
  await opened('Language', 'menu');
  await opened('Theme', 'menu');
  await opened(/^Account/, 'menu');

  const [provider] = await world.list('/v1/providers');
  await page.goto(`/providers/${provider!.id}`);
  await opened(`Actions: ${provider!.name}`, 'menu');
  // Within the menu: down to the last, into its dialog, and back to where it came from.
  const toggle = page.getByRole('button', { name: `Actions: ${provider!.name}` });
  for (const item of ['Test connection', 'Change credentials', 'Remove']) {
    await toggle.focus();
    await page.keyboard.press('Enter');
    const wanted = page.getByRole('menuitem', { name: item });
    for (let step = 0; step < 8 && !(await wanted.evaluate((element) => element === document.activeElement)); step += 1) await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Enter');
    await expect(page.getByRole('dialog')).toBeVisible();
    await expect(page.getByRole('dialog').locator(':focus')).toHaveCount(1);
    await page.keyboard.press('Escape');
    await expect(page.getByRole('dialog')).toHaveCount(0);
    await expect(toggle).toBeFocused();
  }
  // A form from its first field to its button by tabbing.
  await page.goto('/providers/new');
  await page.getByRole('combobox', { name: 'Platform' }).focus();
  for (let step = 0; step < 12; step += 1) {
    if (await page.getByRole('button', { name: 'Add', exact: true }).evaluate((element) => element === document.activeElement)) break;
    await page.keyboard.press('Tab');
  }
  await expect(page.getByRole('button', { name: 'Add', exact: true })).toBeFocused();
});
