// What a person sees when a file of the portal does not arrive.
import { expect, expectAccessible, picture, setTheme, test } from './fixtures';

test.beforeEach(({ allowed }) => {
  allowed.push(/ERR_FAILED|Failed to fetch dynamically imported module|error loading dynamically imported module/i);
});

test('without its words the page says so in both languages, and begins when it is asked again', async ({ person: page }) => {
  await page.route('**/assets/en-*.js', (route) => route.abort());
  await page.goto('/');
  await expect(page.getByRole('heading', { name: 'Spandrel could not be loaded' })).toBeVisible();
  await expect(page.getByRole('button', { name: '重新加载' })).toBeVisible();
  await expectAccessible(page);
  await picture(page, 'start-failed-light');
  await setTheme(page, 'dark');
  await expectAccessible(page, 'colours');
  await picture(page, 'start-failed-dark');
  await page.unroute('**/assets/en-*.js');
  await page.getByRole('button', { name: 'Load again' }).click();
  await expect(page.getByRole('heading', { level: 1, name: 'Overview' })).toBeVisible();
});

test('a page whose file does not arrive leaves the others usable', async ({ page }) => {
  await page.route('**/assets/About-*.js', (route) => route.abort());
  await page.getByRole('button', { name: /Account/ }).click();
  await page.getByRole('menuitem', { name: 'About Spandrel' }).click();
  await expect(page.getByRole('button', { name: 'Load again' })).toBeVisible();
  await expectAccessible(page);
  await picture(page, 'page-failed');
  await page.getByRole('link', { name: 'VMs', exact: true }).click();
  await expect(page.locator('tr[data-id]').first()).toBeVisible();
});

test('an overview that cannot be read says so, and is read when it is asked again', async ({ person: page, allowed }) => {
  allowed.push(/500 .*\/v1\/hosts\/summary/);
  await page.route('**/v1/hosts/summary*', (route) => route.fulfill({ status: 500, contentType: 'application/problem+json', body: JSON.stringify({ type: '/docs/problems/internal', title: 'x', status: 500, detail: 'x' }) }));
  await page.goto('/');
  await expect(page.getByRole('heading', { name: 'The gateway has failed' })).toBeVisible();
  await page.unroute('**/v1/hosts/summary*');
  await page.getByRole('button', { name: 'Try again' }).click();
  await expect(page.getByRole('heading', { name: 'Capacity and use' })).toBeVisible();
});
