// What every browser test has: the world, a page that is signed in, and a guard that fails the test for what no page may do
// (a breach of the policy, an error in the console, a request to elsewhere, a jump under its reader).
import AxeBuilder from '@axe-core/playwright';
import { expect, test as base, type Page } from '@playwright/test';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { Jumps, settled, STEADY } from './jumps';
import { PASSWORD, World } from './world';

export { expect, PASSWORD };

interface Fixtures {
  /** A page at which nothing is looked after yet. */
  nobody: Page;
  /** A page of nobody: at the sign-in, once it goes anywhere. */
  visitor: Page;
  /** A page that is signed in and has not gone anywhere yet. */
  person: Page;
  /** A page that is signed in, at the overview. */
  page: Page;
  /** Messages of the console that the test brings about on purpose. */
  allowed: RegExp[];
  /** How much the page has moved by itself. */
  jumps: Jumps;
}

export const test = base.extend<Fixtures, { world: World; realm: string; firstPassword: 'given' | 'shown' }>({
  // Files that leave the gateway otherwise than they found it (another password) say a name of their own: theirs is started anew.
  realm: ['', { option: true, scope: 'worker' }],
  // Whether the administrator's first password is given to the gateway, or the one that it makes and shows.
  firstPassword: ['given', { option: true, scope: 'worker' }],
  world: [
    async ({}, use) => {
      const world = await World.start();
      await world.addVcenter();
      await use(world);
      await world.stop();
    },
    { scope: 'worker', timeout: 180_000 },
  ],
  baseURL: async ({ world }, use) => use(world.url),
  allowed: async ({}, use) => use([]),
  nobody: async ({ browser, world, viewport, locale, colorScheme, timezoneId }, use) => {
    const context = await browser.newContext({ baseURL: world.url, viewport, locale, colorScheme, timezoneId });
    await use(await context.newPage());
    await context.close();
  },
  jumps: async ({ nobody }, use) => use(await Jumps.of(nobody)),
  visitor: async ({ nobody: page, jumps, world, allowed }, use) => {
    const faults: string[] = [];
    page.on('console', (message) => {
      const text = `${message.text()} ${message.location().url}`;
      if (message.type() === 'error' && !allowed.some((one) => one.test(text))) faults.push(text);
    });
    page.on('pageerror', (error) => faults.push(String(error)));
    page.on('request', (request) => {
      if (!request.url().startsWith(world.url) && !/^(data|blob):/.test(request.url())) faults.push(`a request to ${request.url()}`);
    });
    // Nobody is signed in: the browser says so in the console by itself.
    allowed.push(/401 .*\/v1\/session$/);
    await use(page);
    await settled(page);
    expect(faults, 'what no page may do').toEqual([]);
    const { value, what, page: where } = jumps.worst();
    if (process.env.SPANDREL_JUMPS === '1') console.log(`moved by ${value.toFixed(4)}: ${where}\n    ${what.join('\n    ')}`);
    expect(value, `the page moves by itself: ${where}\n  ${what.join('\n  ')}`).toBeLessThan(STEADY);
  },
  // The form of the sign-in has tests of its own; here the cookie is there already.
  person: async ({ visitor, world }, use) => {
    const { name, value } = await world.cookie();
    await visitor.context().addCookies([{ name, value, url: world.url, httpOnly: true, sameSite: 'Strict' }]);
    await use(visitor);
  },
  page: async ({ person }, use) => {
    await person.goto('/');
    await expect(person.locator('#content')).toBeVisible();
    await use(person);
  },
});

export async function signIn(page: Page, password = PASSWORD): Promise<void> {
  await page.locator('#username').fill('admin');
  await page.locator('#password').fill(password);
  await page.locator('#password').press('Enter');
  await expect(page.locator('#content')).toBeVisible();
}

/** What the machine wishes; a page that is there follows at once. */
export async function setTheme(page: Page, theme: 'light' | 'dark'): Promise<void> {
  await page.emulateMedia({ colorScheme: theme, reducedMotion: 'reduce' });
  await expect(page.locator('html')).toHaveClass(theme === 'dark' ? /pf-v6-theme-dark/ : /^(?!.*pf-v6-theme-dark)/);
  // A colour that is still changing is neither of the two.
  await page.evaluate(() => Promise.allSettled(document.getAnimations().filter((one) => one instanceof CSSTransition).map((one) => one.finished)));
}

/** The rules that look at colours: all that another theme can break, and what takes axe longest. */
const COLOURS = ['color-contrast', 'link-in-text-block'];

/**
 * axe finds nothing wrong with what is shown. What is shown again in another theme has other `colours`, and at another width
 * another `structure`.
 */
export async function expectAccessible(page: Page, what: 'all' | 'colours' | 'structure' = 'all'): Promise<void> {
  // A page that is still being fetched has nothing to look at. By its tag: what an open dialog covers has no role any more.
  await expect(page.locator('h1').first()).toBeAttached();
  // There are no frames, and only what is wrong is told: each saves about half of the time.
  const axe = new AxeBuilder({ page }).setLegacyMode().options({
    resultTypes: ['violations'],
    ...(what === 'colours' && { runOnly: { type: 'rule', values: COLOURS } }),
    ...(what === 'structure' && { rules: Object.fromEntries(COLOURS.map((rule) => [rule, { enabled: false }])) }),
  });
  const { violations } = await axe.analyze();
  const found = violations.map(({ id, help, nodes }) => `${id}: ${help}\n  ${nodes.slice(0, 4).map((node) => `${node.html.slice(0, 200)}\n    ${node.failureSummary ?? ''}`).join('\n  ')}`);
  expect(found, 'axe').toEqual([]);
}

/** The same of what is open, in both themes: what a person has typed stays. */
export async function expectAccessibleInBoth(page: Page): Promise<void> {
  await expectAccessible(page);
  await setTheme(page, 'dark');
  await expectAccessible(page, 'colours');
  await setTheme(page, 'light');
}

/** A picture of the page, for people to look at and for the documentation. */
export async function picture(page: Page, name: string): Promise<void> {
  const folder = process.env.SPANDREL_PICTURES ?? join(import.meta.dirname, '../test-results/pictures');
  mkdirSync(folder, { recursive: true });
  await page.screenshot({ path: join(folder, `${name}.png`), animations: 'disabled' });
}

/** The same, at a gateway to which nothing is joined yet. */
export const bareTest = test.extend<object, { world: World }>({
  world: [
    async ({ firstPassword }, use) => {
      const world = await World.start(undefined, firstPassword === 'given');
      await use(world);
      await world.stop();
    },
    { scope: 'worker', timeout: 180_000 },
  ],
});
