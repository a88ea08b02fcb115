// One's own account: the password, tokens, language and theme; about; commands.
import { expect, expectAccessibleInBoth, PASSWORD, picture, signIn, test } from './fixtures';

test.use({ realm: 'account' });
test.describe.configure({ mode: 'serial' });

test('a token is made, shown once, works, and is revoked', async ({ person: page, world, allowed }) => {
  allowed.push(/422 .*\/v1\/tokens/);
  await page.goto('/account');
  await expect(page.getByText('You have no tokens.')).toBeVisible();
  await page.getByRole('button', { name: 'Create token' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByRole('button', { name: 'Create token' }).click();
  await expect(dialog.getByText('This is needed.')).toBeVisible();
  await dialog.getByRole('textbox', { name: 'Name' }).fill('backup job');
  await dialog.getByRole('spinbutton').fill('0');
  await dialog.getByRole('button', { name: 'Create token' }).click();
  await expect(dialog.getByText('From 1 to 3650 days.')).toBeVisible();
  await expectAccessibleInBoth(page);
  await picture(page, 'token-create');
  await dialog.getByRole('spinbutton').fill('30');
  // Sent with the keyboard.
  await page.keyboard.press('Enter');
  await expect(page.getByText('Copy it now')).toBeVisible();
  const token = await page.getByRole('dialog').getByRole('textbox').inputValue();
  expect(token.length).toBeGreaterThan(20);
  await expectAccessibleInBoth(page);
  await page.keyboard.press('Escape');
  await expect(page.getByText('Copy it now'), 'what is shown once is not closed by chance').toBeVisible();
  await page.getByRole('button', { name: 'I have copied it' }).click();
  const ask = () => fetch(`${world.url}/v1/session`, { headers: { authorization: `Bearer ${token}` } });
  expect((await ask()).status).toBe(200);
  expect(await page.content()).not.toContain(token);
  await page.getByRole('button', { name: 'Revoke “backup job”' }).click();
  await expect(page.getByRole('dialog')).toBeVisible();
  await expectAccessibleInBoth(page);
  await page.getByRole('dialog').getByRole('textbox').fill('backup job');
  await page.keyboard.press('Enter');
  await expect(page.getByText('You have no tokens.')).toBeVisible();
  expect((await ask()).status).toBe(401);
});

test('language and theme are chosen, and kept', async ({ person: page }) => {
  await page.goto('/account');
  await page.getByRole('radio', { name: 'Dark' }).check();
  await expect(page.locator('html')).toHaveClass(/pf-v6-theme-dark/);
  await page.getByRole('radio', { name: '简体中文' }).click();
  await expect(page.getByRole('heading', { level: 1, name: '我的账户' })).toBeVisible();
  await page.reload();
  await expect(page.getByRole('radio', { name: '深色' })).toBeChecked();
  await picture(page, 'account-zh-dark');
});

test('about says the version and the licences', async ({ page, world }) => {
  await page.getByRole('button', { name: /Account/ }).click();
  await page.getByRole('menuitem', { name: 'About Spandrel' }).click();
  const { info } = (await world.call('GET', '/v1/openapi.json')) as { info: { version: string } };
  await expect(page.getByText(info.version, { exact: true }).first()).toBeVisible();
  await expect(page.getByText(/(^|, )react \d/)).toBeVisible();
  await expect(page.getByText(/(^|, )tokio \d/)).toBeVisible();
  const href = await page.getByRole('link', { name: 'The texts of their licences' }).getAttribute('href');
  const text = await (await fetch(world.url + href)).text();
  expect(text).toContain('Permission is hereby granted');
});

test('commands go, change the theme and the language, read a provider anew, and sign out', async ({ page }) => {
  const command = async (text: string) => {
    await page.keyboard.press('Control+k');
    await page.getByRole('combobox').getByRole('textbox').fill(text);
    await expect(page.getByRole('option').first()).toBeVisible();
    await expect(page.getByRole('option', { selected: true })).toContainText(new RegExp(text, 'i'));
    await page.keyboard.press('Enter');
  };
  await command('add a provider');
  await expect(page).toHaveURL(/\/providers\/new$/);
  await command('theme: dark');
  await expect(page.locator('html')).toHaveClass(/pf-v6-theme-dark/);
  await command('go to my account');
  await expect(page).toHaveURL(/\/account$/);
  await command('read “vc-lab” anew');
  await expect(page.getByText('“vc-lab” is read anew')).toBeVisible();
  await command('language: 简体中文');
  await expect(page.getByRole('heading', { level: 1, name: '我的账户' })).toBeVisible();
  await command('退出登录');
  await expect(page.getByRole('heading', { name: '登录' })).toBeVisible();
});

test('the password is changed; other sessions end, this one goes on', async ({ person: page, browser, world, allowed }) => {
  allowed.push(/401 /);
  const other = await browser.newContext({ baseURL: world.url });
  const elsewhere = await other.newPage();
  await elsewhere.goto('/');
  await signIn(elsewhere);
  await page.goto('/account');
  const box = (name: string) => page.getByRole('textbox', { name, exact: true });
  await box('Present password').fill(PASSWORD);
  await box('New password').fill('quite another password');
  await box('New password again').fill('quite another password');
  await page.getByRole('button', { name: 'Change password' }).click();
  await expect(page.getByText('The password is changed')).toBeVisible();
  await expect(box('Present password')).toHaveValue('');
  expect(await elsewhere.evaluate(async () => (await fetch('/v1/session')).status)).toBe(401);
  expect(await page.evaluate(async () => (await fetch('/v1/session')).status)).toBe(200);
  await other.close();
});
