// Platforms are joined, mended and removed as a person does it.
import type { Page } from '@playwright/test';
import { bareTest as test, expect, expectAccessible, expectAccessibleInBoth, picture } from './fixtures';
import type { World } from './world';

test.use({ realm: 'providers' });
test.describe.configure({ mode: 'serial' });

/** The first steps are put off: these tests are about the pages themselves. */
test.beforeEach(async ({ visitor }) => {
  await visitor.addInitScript(() => localStorage.setItem('spandrel.first-run', 'over'));
});

const field = (page: Page, name: string | RegExp) => page.getByRole('textbox', { name });

async function fillVcenter(page: Page, world: World, name: string): Promise<void> {
  const { url, username, password } = world.simulator.report;
  await field(page, 'Name').first().fill(name);
  await field(page, 'Address').fill(url);
  await field(page, 'User name').fill(username);
  await field(page, 'Password').fill(password);
}

const testConnection = (page: Page) => page.getByRole('button', { name: 'Test connection' }).click();
const check = (page: Page, name: string) => page.locator('.sp-checks__row', { hasText: name }).first();

async function menu(page: Page, name: string, item: string): Promise<void> {
  await page.getByRole('button', { name: `Actions: ${name}` }).click();
  await page.getByRole('menuitem', { name: item }).click();
}

test('nothing joined: the lists and the page lead to adding', async ({ person: page }) => {
  await page.goto('/vms');
  await page.getByRole('button', { name: 'Add provider' }).click();
  await expect(page).toHaveURL(/\/providers\/new$/);
  await page.goto('/providers');
  await expect(page.getByRole('heading', { name: 'No platform is joined yet' })).toBeVisible();
  await expectAccessible(page);
  await picture(page, 'providers-empty');
});

test('each bad wish is said at its field, what was typed stays, and it can be sent again', async ({ person: page, world, allowed }) => {
  allowed.push(/422 .*\/v1\/providers/);
  await page.goto('/providers/new');
  await page.getByRole('button', { name: 'Add', exact: true }).click();
  await expect(field(page, 'Name').first()).toHaveAttribute('aria-invalid', 'true');
  await expect(page.getByText('This is needed.')).toBeVisible();
  await field(page, 'Name').first().fill('vc-lab');
  await page.getByRole('button', { name: 'Add', exact: true }).click();
  await expect(field(page, 'Address')).toBeFocused();
  await field(page, 'Address').fill('x y');
  await page.getByRole('button', { name: 'Add', exact: true }).click();
  await expect(page.getByText('An address has no spaces in it.')).toBeVisible();
  await field(page, 'Address').fill('vc.example');
  await page.getByRole('button', { name: 'Add', exact: true }).click();
  await expect(page.getByText('A vCenter or ESXi host needs a user name.')).toBeVisible();

  // Nothing answers there.
  await fillVcenter(page, world, 'vc-lab');
  await field(page, 'Address').fill('https://127.0.0.1:1/sdk');
  await testConnection(page);
  await expect(check(page, 'Reachable')).toContainText('Failed');
  await expect(field(page, 'Address')).toHaveAttribute('aria-invalid', 'true');
  await expect(check(page, 'Credentials')).toContainText('Not tried');
  await expectAccessible(page);
  await picture(page, 'provider-add-unreachable');

  // What was refused of other values is not said again when a test finds these in order.
  await field(page, 'Address').fill(world.simulator.report.url);
  await testConnection(page);
  await expect(check(page, 'Certificate')).toContainText('Failed');
  await expect(field(page, 'Address')).toHaveAttribute('aria-invalid', 'false');

  // A fingerprint that is none.
  await page.getByRole('button', { name: 'Certificate', exact: true }).click();
  await field(page, 'Fingerprint').fill('zz');
  await testConnection(page);
  await expect(page.getByText('A SHA-256 fingerprint has 64')).toBeVisible();

  // libvirt addresses that cannot be used, in the second line.
  await page.getByRole('combobox', { name: 'Platform' }).selectOption('kvm');
  await field(page, 'libvirt addresses').fill('test:///default\nxen:///system');
  await page.getByRole('button', { name: 'Add', exact: true }).click();
  await expect(page.getByText('Line 2: The driver “xen” is not supported')).toBeVisible();
  await expect(field(page, 'libvirt addresses')).toHaveValue('test:///default\nxen:///system');
  expect((await world.list('/v1/providers'))).toHaveLength(0);
});

test('a certificate is trusted by its fingerprint, a wrong password is said, and it is joined', async ({ person: page, world }) => {
  await page.goto('/providers/new');
  await fillVcenter(page, world, 'vc-lab');
  await field(page, 'Password').fill('wrong');
  await testConnection(page);
  await expect(check(page, 'Certificate')).toContainText('Failed');
  await expect(page.getByText(world.simulator.report.thumbprint_sha256).last()).toBeVisible();
  await expectAccessible(page);
  await picture(page, 'provider-add-certificate');
  await page.getByRole('button', { name: 'Trust this certificate' }).click();
  await expect(check(page, 'Certificate')).toContainText('Passed');
  await expect(check(page, 'Credentials')).toContainText('Failed');
  await expect(page.getByText('The platform refused the user name or the password.')).toBeVisible();
  await field(page, 'Password').fill(world.simulator.report.password);
  await expect(page.getByText('Something was changed since')).toBeVisible();
  await testConnection(page);
  await expect(page.getByText('It can be joined')).toBeVisible();
  await expectAccessible(page);
  await picture(page, 'provider-add-good');
  await page.getByRole('button', { name: 'Add', exact: true }).click();
  await expect(page.getByRole('heading', { level: 1, name: 'vc-lab' })).toBeVisible();
  const { count } = (await world.call('GET', '/v1/vms/count')) as { count: number };
  expect(count).toBeGreaterThanOrEqual(0);
  await expect(page.getByText('Live', { exact: true }).nth(1)).toBeVisible({ timeout: 60_000 });
  const all = (await world.call('GET', '/v1/vms/count')) as { count: number };
  await expect(page.locator('[data-kind="vm"]')).toHaveText(new RegExp(`^${all.count}$`));
});

test('a duplicate is said at the name, then at the address', async ({ person: page, world, allowed }) => {
  allowed.push(/409 .*\/v1\/providers/);
  await page.goto('/providers/new');
  await fillVcenter(page, world, 'vc-lab');
  await page.getByRole('button', { name: 'Add', exact: true }).click();
  await expect(page.getByText('The provider “vc-lab” has this already.')).toBeVisible();
  await expect(field(page, 'Name').first()).toBeFocused();
  await field(page, 'Name').first().fill('another');
  await page.getByRole('button', { name: 'Add', exact: true }).click();
  await expect(field(page, 'Address')).toHaveAttribute('aria-invalid', 'true');
  await expect(field(page, 'Address')).toBeFocused();
});

test('one that is added without trust is mended by one press', async ({ person: page, world }) => {
  const { username, password } = world.simulator.report;
  const [present] = await world.list('/v1/providers');
  await world.call('PATCH', `/v1/providers/${present!.id}`, { trust: { thumbprint_sha256: null }, username, password });
  await page.goto(`/providers/${present!.id}`);
  await expect(page.getByText('Certificate not trusted')).toBeVisible({ timeout: 60_000 });
  await expectAccessible(page);
  await picture(page, 'provider-untrusted');
  await page.getByRole('button', { name: 'Trust this certificate' }).click();
  await expect(page.getByText('The certificate is trusted')).toBeVisible();
  await expect(page.getByText('Certificate not trusted')).toBeHidden({ timeout: 60_000 });
});

test('KVM hosts are joined, and what the platform cannot do is said', async ({ person: page }) => {
  await page.goto('/providers/new?kind=kvm');
  await field(page, 'Name').first().fill('kvm-lab');
  await field(page, 'libvirt addresses').fill('test:///default');
  await testConnection(page);
  await expect(page.getByText('It can be joined')).toBeVisible();
  await page.getByRole('button', { name: 'Add', exact: true }).click();
  await expect(page.getByRole('heading', { level: 1, name: 'kvm-lab' })).toBeVisible();
  await expect(page.locator('[data-kind="vm"]')).toHaveText('1');
  await page.getByRole('tab', { name: 'Capabilities' }).click();
  await expect(page).toHaveURL(/\/capabilities$/);
  await expect(page.getByText('libvirt has no folders')).toBeVisible();
});

test('it is edited, its credentials changed, disabled, enabled and read anew', async ({ person: page, world, allowed }) => {
  allowed.push(/(412|422) .*\/v1\/providers/);
  await page.goto('/providers');
  await menu(page, 'vc-lab', 'Edit');
  await field(page, 'Name').first().fill('vc-main');
  const [kept] = (await world.list('/v1/providers')).filter((one) => one.name === 'vc-lab');
  await world.call('PATCH', `/v1/providers/${kept!.id}`, { name: 'vc-other' });
  await page.getByRole('button', { name: 'Save', exact: true }).click();
  await expect(page.getByText('Somebody changed it in between').first()).toBeVisible();
  await page.getByRole('button', { name: 'Save', exact: true }).click();
  await expect(page.getByRole('heading', { level: 1, name: 'vc-main' })).toBeVisible();

  await menu(page, 'vc-main', 'Change credentials');
  await page.getByRole('button', { name: 'Save', exact: true }).click();
  await expect(page.getByRole('dialog').getByText('This is needed.')).toBeVisible();
  await expectAccessibleInBoth(page);
  await picture(page, 'provider-credentials');
  await field(page, 'Password').fill('wrong');
  await page.getByRole('button', { name: 'Save', exact: true }).click();
  await expect(page.getByText('Credentials refused')).toBeVisible({ timeout: 60_000 });
  await menu(page, 'vc-main', 'Test connection');
  await expect(check(page, 'Credentials')).toContainText('Failed');
  await expectAccessibleInBoth(page);
  await picture(page, 'provider-test');
  await page.getByRole('dialog').getByRole('button', { name: 'Close' }).last().click();
  await menu(page, 'vc-main', 'Change credentials');
  await field(page, 'Password').fill(world.simulator.report.password);
  await page.getByRole('button', { name: 'Save', exact: true }).click();
  await expect(page.getByText('Credentials refused')).toBeHidden({ timeout: 60_000 });
  await expect(page.locator('.sp-detail__head').getByText('Live')).toBeVisible({ timeout: 60_000 });
  // The same once more changes nothing; to read anew is offered.
  await menu(page, 'vc-main', 'Change credentials');
  await field(page, 'Password').fill(world.simulator.report.password);
  await page.getByRole('button', { name: 'Save', exact: true }).click();
  await expect(page.getByText('“vc-main” is as it was')).toBeVisible();
  await page.getByRole('listitem').filter({ hasText: 'is as it was' }).getByRole('button', { name: 'Read anew' }).click();
  await expect(page.getByText('“vc-main” is read anew')).toBeVisible();

  // Its history says what was, and why.
  await page.getByRole('tab', { name: 'History' }).click();
  await expect(page.getByRole('grid', { name: 'History' }).getByText('Credentials refused').first()).toBeVisible();
  await page.getByRole('tab', { name: 'Summary' }).click();

  await menu(page, 'vc-main', 'Disable');
  await expect(page.locator('.sp-detail__head').getByText('Disabled')).toBeVisible();
  await page.getByRole('button', { name: 'Enable' }).click();
  await expect(page.locator('.sp-detail__head').getByText('Live')).toBeVisible({ timeout: 60_000 });
  await page.getByRole('button', { name: 'Read anew' }).click();
  await expect(page.getByText('“vc-main” is read anew')).toBeVisible();
  await expect(page.locator('.sp-detail__head').getByText('Live')).toBeVisible({ timeout: 60_000 });
});

test('what could not be read is shown with its reason', async ({ person: page, world }) => {
  const answer = await fetch(`${world.simulator.report.control}/truth?type=VirtualMachine`);
  const { objects } = (await answer.json()) as { objects: { moref: string }[] };
  const moref = objects[0]!.moref;
  await world.simulator.act('/deny', { type: 'VirtualMachine', path: 'name', moref });
  await page.goto('/providers');
  await menu(page, 'vc-main', 'Read anew');
  await expect(page.getByRole('link', { name: '1', exact: true })).toBeVisible({ timeout: 60_000 });
  await expectAccessible(page);
  await picture(page, 'providers');
  await page.getByRole('link', { name: '1', exact: true }).click();
  await expect(page.getByText('its name cannot be read: NoPermission')).toBeVisible();
  await expectAccessible(page);
  await picture(page, 'provider-quarantine');
  // The same in the reader's language, and what needs attention leads here.
  await page.goto('/account');
  await page.getByRole('radio', { name: '简体中文' }).click();
  await page.getByRole('link', { name: '概览', exact: true }).click();
  await page.getByRole('link', { name: /^vc-main：.*1/ }).click();
  await expect(page.getByText('无法读取其名称：NoPermission')).toBeVisible();
});

test('one is removed while it is read, after what will happen was said', async ({ person: page, world }) => {
  await page.goto('/providers');
  await world.simulator.act('/wire', { mode: 'delay', match: 'WaitForUpdatesEx', delay_ms: 30_000, count: 0 });
  await menu(page, 'vc-main', 'Disable');
  await menu(page, 'vc-main', 'Enable');
  await expect(page.locator('.sp-providers').getByText(/Loading|Connecting/).first()).toBeVisible();
  // Long work says how far it is.
  await expect(page.getByRole('progressbar').or(page.getByText(/read so far$/)).first()).toBeVisible();
  await page.getByRole('link', { name: 'vc-main' }).click();
  // The list has a menu of this name too: it is not opened any more.
  await expect(page.getByRole('heading', { level: 1, name: 'vc-main' })).toBeVisible();
  await menu(page, 'vc-main', 'Remove');
  const dialog = page.getByRole('dialog');
  await expect(page.locator('.sp-detail__head').getByText(/Loading|Connecting/)).toBeVisible();
  await expect(dialog.getByText('Everything that is known here')).toBeVisible();
  await expect(dialog.getByText(/\d+ VMs/)).toBeVisible();
  await expect(dialog.getByRole('button', { name: 'Remove' })).toBeDisabled();
  await expectAccessibleInBoth(page);
  await picture(page, 'provider-remove');
  await dialog.getByRole('textbox').fill('vc-main');
  await dialog.getByRole('button', { name: 'Remove' }).click();
  await expect(page.getByText('“vc-main” is being removed')).toBeVisible();
  await expect(page.getByRole('heading', { name: 'This provider is gone' })).toBeVisible({ timeout: 60_000 });
  await page.getByRole('button', { name: 'To the providers' }).click();
  await expect(page.getByRole('link', { name: 'vc-main' })).toHaveCount(0);
  await expect(page.getByRole('link', { name: 'kvm-lab' })).toBeVisible();
  await page.goto('/vms');
  await expect(page.getByText('1 item', { exact: true })).toBeVisible();
});
