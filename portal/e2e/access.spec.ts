// Tenants share the platforms without seeing one another: made, given machines by a rule and by hand, and seen by whom they are for.
import type { Page } from '@playwright/test';
import { expect, expectAccessible, expectAccessibleInBoth, picture, test } from './fixtures';

// It leaves tenants behind, and machines that belong to them.
test.use({ realm: 'access' });
test.describe.configure({ mode: 'serial' });

const ANN = 'quite another pass phrase';

/** Two machines whose names are theirs alone. */
let machines: { id: string; name: string }[] = [];

const dialog = (page: Page) => page.getByRole('dialog');
const row = (page: Page, name: string) => page.getByRole('row', { name: new RegExp(name) });

/** Waits for the option, which may still be read. */
async function choose(page: Page, label: string, option: string): Promise<void> {
  await page.getByRole('combobox', { name: label, exact: true }).selectOption({ label: option });
}

test.beforeAll(async ({ world }) => {
  const all = await world.list('/v1/vms?limit=200');
  const counts = new Map<string, number>();
  for (const { name } of all) counts.set(name.toLowerCase(), (counts.get(name.toLowerCase()) ?? 0) + 1);
  machines = all.filter(({ name }) => counts.get(name.toLowerCase()) === 1 && /^[\w-]+$/.test(name)).slice(0, 2);
});

test('a tenant, a project in it, a user and what the user may do there', async ({ person: page, allowed }) => {
  allowed.push(/409 .*\/v1\/tenants/, /422 .*\/v1\/tenants/);
  await page.goto('/');
  await page.getByRole('navigation', { name: 'Navigation' }).getByRole('link', { name: 'Tenants' }).click();
  await expect(page.getByRole('link', { name: 'The platform' })).toBeVisible();
  await page.getByRole('button', { name: 'Add tenant' }).click();
  await dialog(page).getByRole('textbox', { name: 'Name' }).fill('ac/me');
  await page.keyboard.press('Enter');
  await expect(dialog(page).getByText('A name has no “/” in it')).toBeVisible();
  await dialog(page).getByRole('textbox', { name: 'Name' }).fill('acme');
  await expectAccessibleInBoth(page);
  await picture(page, 'tenant-add');
  await page.keyboard.press('Enter');
  await expect(page.getByRole('link', { name: 'acme' })).toBeVisible();
  // The same name once more is refused at its field.
  await page.getByRole('button', { name: 'Add tenant' }).click();
  await dialog(page).getByRole('textbox', { name: 'Name' }).fill('ACME');
  await page.keyboard.press('Enter');
  await expect(dialog(page).getByText('“acme” is there already.')).toBeVisible();
  await page.keyboard.press('Escape');
  await expectAccessible(page);
  await picture(page, 'tenants');

  await page.getByRole('link', { name: 'acme' }).click();
  await page.getByRole('tab', { name: 'Projects' }).click();
  await page.getByRole('button', { name: 'Add project' }).click();
  await dialog(page).getByRole('textbox', { name: 'Name' }).fill('shop');
  await page.keyboard.press('Enter');
  await expect(page.getByRole('link', { name: 'shop' })).toBeVisible();

  await page.getByRole('tab', { name: 'Users' }).click();
  await page.getByRole('button', { name: 'Add user' }).click();
  await dialog(page).getByRole('textbox', { name: 'User name' }).fill('ann');
  await dialog(page).getByRole('textbox', { name: 'Password' }).fill(ANN);
  await expectAccessibleInBoth(page);
  await picture(page, 'user-add');
  await page.keyboard.press('Enter');
  await expect(page.getByRole('link', { name: 'ann' })).toBeVisible();
  await expectAccessible(page);

  await page.getByRole('tab', { name: 'Projects' }).click();
  await page.getByRole('link', { name: 'shop' }).click();
  await page.getByRole('tab', { name: 'Members & roles' }).click();
  await page.getByRole('button', { name: 'Give a role' }).click();
  await choose(page, 'Who', 'acme/ann');
  await choose(page, 'Role', 'Viewer');
  await expect(dialog(page).getByText('See projects.')).toBeVisible();
  await expectAccessibleInBoth(page);
  await picture(page, 'role-give');
  await dialog(page).getByRole('button', { name: 'Give a role' }).click();
  await expect(row(page, 'acme/ann').getByRole('link', { name: 'Viewer' })).toBeVisible();
  await expectAccessible(page);
  await picture(page, 'project-members');
});

test('a rule gives machines to the project, after it was said which', async ({ person: page, world }) => {
  const [first] = machines;
  await page.goto('/ownership-rules');
  await page.getByRole('button', { name: 'Add rule' }).click();
  await page.getByRole('textbox', { name: 'Name', exact: true }).fill('shop by name');
  await choose(page, 'To the project', 'acme / shop');
  await page.getByRole('textbox', { name: 'What condition 1 must be' }).fill('*');
  await expect(page.getByText('120 machines fit, 120 would move')).toBeVisible();
  await page.getByRole('textbox', { name: 'What condition 1 must be' }).fill(first!.name.toUpperCase());
  await expect(page.getByText('1 machine fits, 1 would move')).toBeVisible();
  await expect(row(page, first!.name)).toContainText('acme / shop');
  await expect(row(page, first!.name)).toContainText('The platform');
  await expectAccessibleInBoth(page);
  await picture(page, 'rule-add');
  await page.getByRole('button', { name: 'Add rule' }).click();
  await expect(page.getByRole('link', { name: 'shop by name' })).toBeVisible();
  await expectAccessible(page);
  await picture(page, 'rules');
  await world.until('the rule is in effect', async () => (await world.list('/v1/vms?project_id.exists=true')).length === 1);
  // What it did is said at the machine.
  await page.goto(`/vms/${first!.id}/owner`);
  await expect(page.getByText('The rule shop by name')).toBeVisible();
  await expect(row(page, 'shop by name')).toContainText(`It has: ${first!.name}`);
  await expectAccessible(page);
});

test('a machine is given by hand, left to the rules, and given again', async ({ person: page }) => {
  const second = machines[1]!;
  await page.goto(`/vms/${second.id}/owner`);
  await expect(page.getByText('Nothing says anything: it belongs to the platform.')).toBeVisible();
  const give = async () => {
    await page.getByRole('button', { name: 'Give to project…' }).click();
    await choose(page, 'Project', 'acme / shop');
    await dialog(page).getByRole('button', { name: 'Give', exact: true }).click();
    await expect(page.getByText('By hand: admin')).toBeVisible();
  };
  await give();
  await expect(page.getByRole('tabpanel').getByRole('link', { name: 'acme / shop' })).toBeVisible();
  await expectAccessibleInBoth(page);
  await picture(page, 'vm-owner');
  await page.getByRole('button', { name: 'Leave to the rules' }).click();
  await expect(page.getByText('Nothing says anything: it belongs to the platform.')).toBeVisible();
  await give();
});

test('why may they', async ({ person: page, world }) => {
  const project = (await world.list('/v1/projects')).find(({ name }) => name === 'shop')!;
  await page.goto(`/projects/${project.id}`);
  await page.getByRole('button', { name: 'Why may they?' }).click();
  await choose(page, 'Who', 'acme/ann');
  await expect(dialog(page).getByText('Yes, it is allowed.')).toBeVisible();
  const because = dialog(page).getByRole('row', { name: /Viewer/ });
  await expect(because).toContainText('Allows');
  await expect(because).toContainText('ann');
  await expect(because).toContainText('Project acme/shop');
  await expectAccessibleInBoth(page);
  await picture(page, 'why');
  await choose(page, 'Permission', 'project.write');
  await expect(dialog(page).getByText('No: nothing gives it.')).toBeVisible();
  await page.keyboard.press('Escape');
  await expect(dialog(page)).toHaveCount(0);
});

test('who is of the tenant sees what is its own, and nothing else', async ({ browser, world }) => {
  const context = await browser.newContext({ baseURL: world.url, viewport: { width: 1440, height: 900 }, locale: 'en-GB' });
  const page = await context.newPage();
  const refused: string[] = [];
  page.on('response', (answer) => {
    if (answer.status() >= 400 && !answer.url().endsWith('/v1/session')) refused.push(`${answer.status()} ${answer.url()}`);
  });
  await page.goto('/vms');
  await page.locator('#username').fill('acme/ann');
  await page.locator('#password').fill(ANN);
  await page.locator('#password').press('Enter');
  await expect(page.locator('tr[data-id]')).toHaveCount(2);
  for (const { name } of machines) await expect(page.getByRole('link', { name, exact: true })).toBeVisible();
  const navigation = page.getByRole('navigation', { name: 'Navigation' });
  await expect(navigation.getByRole('link', { name: 'Projects' })).toBeVisible();
  for (const name of ['Tenants', 'Users & service accounts', 'Groups', 'Roles', 'Ownership rules', 'Providers']) await expect(navigation.getByRole('link', { name, exact: true })).toHaveCount(0);
  // The project that one works in is chosen, and kept.
  await page.getByRole('button', { name: 'Project: All projects' }).click();
  await page.getByRole('menuitem', { name: 'acme / shop' }).click();
  await expect(page.getByRole('button', { name: 'Project: acme / shop' })).toBeVisible();
  await expect(page.locator('tr[data-id]')).toHaveCount(2);
  await page.reload();
  await expect(page.getByRole('button', { name: 'Project: acme / shop' })).toBeVisible();
  await expectAccessible(page);
  await picture(page, 'tenant-vms');
  await navigation.getByRole('link', { name: 'Projects' }).click();
  await page.getByRole('link', { name: 'shop' }).click();
  await expect(page.getByRole('tab', { name: 'Members & roles' })).toHaveCount(0);
  await expect(page.getByRole('button', { name: 'Actions: shop' })).toHaveCount(0);
  await page.getByRole('tab', { name: 'VMs' }).click();
  await expect(page.locator('tr[data-id]')).toHaveCount(2);
  await page.goto('/account');
  await expect(page.getByText('Signed in as acme/ann.')).toBeVisible();
  await expect(page.getByText('Your roles: Viewer.')).toBeVisible();
  await page.goto('/');
  await expect(page.locator('.sp-count__number').first()).toHaveText('2');
  await expect(page.getByRole('heading', { name: 'Providers' })).toHaveCount(0);
  await picture(page, 'tenant-overview');
  await page.goto(`/vms/${machines[0]!.id}`);
  await expect(page.getByRole('heading', { level: 1, name: machines[0]!.name })).toBeVisible();
  await expectAccessible(page);
  await picture(page, 'tenant-vm');
  await page.goto('/inventory');
  await expect(page.getByRole('heading', { level: 1 })).toBeVisible();
  await expectAccessible(page);
  await picture(page, 'tenant-inventory');
  expect(refused, 'nothing is asked that is refused').toEqual([]);
  // What is taken away is gone from the open page, by itself.
  await page.goto('/vms');
  await expect(page.locator('tr[data-id]')).toHaveCount(2);
  const [binding] = (await world.list('/v1/bindings')).filter((one) => (one.scope as { kind: string }).kind === 'project');
  await world.call('DELETE', `/v1/bindings/${binding!.id}`);
  await expect(page.locator('tr[data-id]')).toHaveCount(0);
  await expect(navigation.getByRole('link', { name: 'Projects' })).toHaveCount(0);
  await context.close();
});

test('a tenant is suspended and resumed; a project goes when it is said that its machines go back', async ({ person: page, allowed }) => {
  allowed.push(/409 .*\/v1\/projects/);
  await page.goto('/tenants');
  const act = async (name: string, item: string) => {
    await page.getByRole('button', { name: `Actions: ${name}` }).click();
    await page.getByRole('menuitem', { name: item, exact: true }).click();
  };
  await act('acme', 'Suspend');
  await expect(dialog(page).getByText('In it, and in what is below it, there are:')).toBeVisible();
  await expect(dialog(page).getByText('2 machines')).toBeVisible();
  await expectAccessibleInBoth(page);
  await picture(page, 'tenant-suspend');
  await dialog(page).getByRole('button', { name: 'Suspend' }).click();
  await expect(row(page, 'acme')).toContainText('Suspended');
  await act('acme', 'Resume');
  await expect(row(page, 'acme')).toContainText('Active');

  await page.goto('/projects');
  await act('shop', 'Remove');
  await dialog(page).getByRole('textbox').fill('shop');
  await page.keyboard.press('Enter');
  await expect(dialog(page).getByText('it holds 2 machines')).toBeVisible();
  await expectAccessibleInBoth(page);
  await picture(page, 'project-remove');
  await dialog(page).getByRole('checkbox', { name: 'Give its 2 machines back to the platform' }).check();
  await dialog(page).getByRole('button', { name: 'Remove' }).click();
  await expect(page.getByText('There is no project that you see.')).toBeVisible();
  // A rule of a project that is gone is gone too.
  await page.goto('/ownership-rules');
  await expect(page.getByText('There are no rules')).toBeVisible();
});
