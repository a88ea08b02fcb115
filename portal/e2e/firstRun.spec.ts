// From the first sign-in to a live inventory, and back to where one was.
import { bareTest as test, expect, expectAccessible, picture, signIn } from './fixtures';
import { Simulator } from './world';

test.use({ realm: 'first-run', firstPassword: 'shown' });
test.describe.configure({ mode: 'serial' });

const CHANGED = 'another password for tests';

test('the first run leads from the password that was shown to a live inventory', async ({ visitor: page, world, allowed }) => {
  allowed.push(/422 .*\/v1\/account\/password/);
  await page.goto('/');
  await signIn(page, world.password);
  await expect(page).toHaveURL(/\/first-run\/password$/);
  await expectAccessible(page);
  await picture(page, 'first-run-password');
  const box = (name: string) => page.getByRole('textbox', { name, exact: true });
  await box('Present password').fill('wrong');
  await box('New password').fill(CHANGED);
  await box('New password again').fill('not the same');
  await page.getByRole('button', { name: 'Change password' }).click();
  await expect(page.getByText('The two are not the same.')).toBeVisible();
  await box('New password again').fill(CHANGED);
  await page.getByRole('button', { name: 'Change password' }).click();
  await expect(page.getByText('This is not the present password.')).toBeVisible();
  await expect(box('New password')).toHaveValue(CHANGED);
  await box('Present password').fill(world.password);
  await page.getByRole('button', { name: 'Change password' }).click();
  await expect(page).toHaveURL(/\/vsphere$/);
  // This page's session goes on; every other has ended, also that of the test itself.
  await world.signIn(CHANGED);

  await expect(page.getByRole('heading', { level: 2, name: 'Join a vCenter' })).toBeVisible();
  const { url, username, password } = world.simulator.report;
  await box('Name').fill('vc-lab');
  await box('Address').fill(url);
  await box('User name').fill(username);
  await box('Password').fill(password);
  await page.getByRole('button', { name: 'Test connection' }).click();
  await page.getByRole('button', { name: 'Trust this certificate' }).click();
  await expect(page.getByText('It can be joined')).toBeVisible();
  await expectAccessible(page);
  await picture(page, 'first-run-vsphere');

  // What was typed is nowhere but in the form: neither in the address nor in the browser.
  const kept = await page.evaluate(() => location.href + JSON.stringify({ ...localStorage }) + JSON.stringify({ ...sessionStorage }));
  expect(kept).not.toContain(password);
  expect(kept).not.toContain(CHANGED);

  await world.simulator.act('/wire', { mode: 'delay', match: 'WaitForUpdatesEx', delay_ms: 700, count: 0 });
  await page.getByRole('button', { name: 'Add', exact: true }).click();
  await expect(page).toHaveURL(/\/kvm$/);
  await expect(page.getByRole('heading', { level: 2, name: 'Join KVM hosts' })).toBeVisible();
  await box('Name').fill('kvm-lab');
  await box('libvirt addresses').fill('test:///default');
  await page.getByRole('button', { name: 'Add', exact: true }).click();
  await expect(page).toHaveURL(/\/found$/);
  await picture(page, 'first-run-loading');
  // The KVM host's one machine, then those of the vCenter, without a reload.
  await expect(page.locator('[data-kind="vm"]')).toHaveText('121', { timeout: 60_000 });
  await expect(page.locator('[data-changed]').first()).toBeAttached();
  await expectAccessible(page);
  await picture(page, 'first-run-found');
  await page.getByRole('button', { name: 'Next', exact: true }).click();
  await expect(page.getByText('Nothing is left out').first()).toBeVisible();
  await expectAccessible(page);
  await picture(page, 'first-run-quarantine');
  await page.getByRole('button', { name: 'To the overview' }).click();
  await expect(page.getByRole('heading', { level: 1, name: 'Overview' })).toBeVisible();
  await page.reload();
  await expect(page).toHaveURL(/\/$/);
});

test('it goes on where one was, each step can be skipped, and it can be put off', async ({ visitor: page, world }) => {
  await page.goto('/');
  await signIn(page, CHANGED);
  await world.simulator.act('/wire', { mode: 'ok' });
  await page.goto('/first-run');
  // Each step's head has the focus, so that a reader of screens begins there.
  for (const [to, head] of [['vsphere', 'Join a vCenter or an ESXi host'], ['kvm', 'Join KVM hosts']] as const) {
    await page.getByRole('button', { name: 'Skip this step' }).click();
    await expect(page).toHaveURL(new RegExp(`/${to}$`));
    await expect(page.getByRole('heading', { level: 2, name: head })).toBeFocused();
  }
  await expect(page.getByText('Joined already')).toBeVisible();
  await page.goto('/vms');
  await page.goto('/first-run');
  await expect(page).toHaveURL(/\/kvm$/);
  await page.goBack();
  await expect(page).toHaveURL(/\/vms$/);
  await page.goForward();
  await page.getByRole('button', { name: 'Back', exact: true }).click();
  await expect(page).toHaveURL(/\/vsphere$/);
  await page.getByRole('button', { name: 'Not now' }).click();
  await expect(page.getByRole('heading', { level: 1, name: 'Overview' })).toBeVisible();
});

test('one that goes away in the middle is said, and nothing is joined', async ({ visitor: page, world }) => {
  const second = await Simulator.start(['--scenario', 'flat', '--vms', '4']);
  try {
    await page.goto('/');
    await signIn(page, CHANGED);
    await page.goto('/first-run/vsphere');
    const box = (name: string) => page.getByRole('textbox', { name, exact: true });
    await box('Name').fill('vc-gone');
    await box('Address').fill(second.report.url);
    await box('User name').fill(second.report.username);
    await box('Password').fill(second.report.password);
    await second.stop();
    await page.getByRole('button', { name: 'Test connection' }).click();
    await expect(page.getByText('Nothing answers at this address.')).toBeVisible();
    await expect(box('Name')).toHaveValue('vc-gone');
    expect(await world.list('/v1/providers')).toHaveLength(2);
  } finally {
    await second.stop();
  }
});
