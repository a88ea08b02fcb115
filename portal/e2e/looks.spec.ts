// Every page in both themes, wide and on a phone: axe finds nothing, nothing is cut off, and a picture is taken to be looked at.
import type { Page } from '@playwright/test';
import { expect, expectAccessible, expectAccessibleInBoth, picture, setTheme, test } from './fixtures';
import type { World } from './world';

// Each is a page by itself: whichever worker is free takes it.
test.describe.configure({ mode: 'parallel' });

interface Look {
  name: string;
  path: (world: World) => Promise<string> | string;
  ready: (page: Page) => Promise<void>;
}

const rows = async (page: Page) => {
  await expect(page.locator('tr[data-id]').first()).toBeVisible();
  await expect(page.locator('.pf-v6-c-skeleton')).toHaveCount(0);
};

const counted = async (page: Page) => expect(page.getByText('120', { exact: true }).first()).toBeVisible();

const providerPath = (tab: string) => async (world: World) => `/providers/${(await world.list('/v1/providers'))[0]!.id}${tab}`;

const looks: Look[] = [
  {
    name: 'overview', path: () => '/',
    ready: async (page) => {
      await expect(page.locator('.sp-count__number').first()).toHaveText(/\d/);
      await expect(page.locator('.sp-measured').first()).toBeVisible();
      await expect(page.locator('.pf-v6-c-skeleton')).toHaveCount(0);
    },
  },
  {
    name: 'inventory',
    path: async (world) => {
      const [vm] = await world.list('/v1/vms?power_state=running&limit=1');
      return `/inventory?at=vm:${vm!.id}`;
    },
    ready: async (page) => expect(page.getByRole('treeitem').nth(1)).toBeVisible(),
  },
  {
    name: 'vm-hardware',
    path: async (world) => `/vms/${(await world.list('/v1/vms?volume_count.gt=1&limit=1'))[0]!.id}/hardware`,
    ready: async (page) => {
      await expect(page.getByRole('grid', { name: 'NICs' })).toBeVisible();
      await expect(page.locator('.pf-v6-c-skeleton')).toHaveCount(0);
    },
  },
  {
    name: 'vm-snapshots',
    path: async (world) => `/vms/${(await world.list('/v1/vms?snapshot_count.gt=1&limit=1'))[0]!.id}/snapshots`,
    ready: async (page) => expect(page.locator('.sp-twig').nth(1)).toBeVisible(),
  },
  {
    name: 'vm-relations',
    path: async (world) => `/vms/${(await world.list('/v1/vms?power_state=running&limit=1'))[0]!.id}/relations`,
    ready: async (page) => {
      await expect(page.locator('.sp-topology__box').nth(3)).toBeVisible();
      await expect(page.locator('.pf-v6-c-skeleton')).toHaveCount(0);
    },
  },
  {
    name: 'vm-changes',
    path: async (world) => `/vms/${(await world.list('/v1/vms?power_state=running&limit=1'))[0]!.id}/changes`,
    ready: async (page) => expect(page.getByText('Seen for the first time')).toBeVisible(),
  },
  {
    name: 'host-relations',
    path: async (world) => `/hosts/${(await world.list('/v1/hosts?limit=1'))[0]!.id}/relations`,
    ready: async (page) => expect(page.locator('.sp-topology__box').nth(3)).toBeVisible(),
  },
  { name: 'vms', path: () => '/vms?power_state=running&memory_mib.gte=1024&sort=-memory_mib', ready: rows },
  { name: 'hosts', path: () => '/hosts', ready: rows },
  { name: 'datastores', path: () => '/datastores', ready: rows },
  { name: 'networks', path: () => '/networks', ready: rows },
  {
    name: 'vm',
    path: async (world) => `/vms/${(await world.list('/v1/vms?power_state=running&snapshot_count.gt=0&limit=1'))[0]!.id}`,
    ready: async (page) => {
      await expect(page.getByRole('heading', { level: 1 })).toBeVisible();
      await expect(page.locator('.pf-v6-c-skeleton')).toHaveCount(0);
    },
  },
  { name: 'vm-volumes', path: async (world) => `/vms/${(await world.list('/v1/vms?volume_count.gt=1&limit=1'))[0]!.id}/volumes`, ready: rows },
  { name: 'empty', path: () => '/vms?q=nothing-has-this-name', ready: async (page) => expect(page.getByRole('heading', { name: 'Nothing matches' })).toBeVisible() },
  { name: 'providers', path: () => '/providers', ready: counted },
  { name: 'provider', path: providerPath(''), ready: counted },
  { name: 'provider-history', path: providerPath('/history'), ready: async (page) => expect(page.getByRole('gridcell', { name: 'Live' }).first()).toBeVisible() },
  { name: 'provider-quarantine', path: providerPath('/quarantine'), ready: async (page) => expect(page.getByRole('heading', { name: 'Nothing is left out' })).toBeVisible() },
  { name: 'provider-capabilities', path: providerPath('/capabilities'), ready: async (page) => expect(page.getByRole('gridcell', { name: 'High availability' })).toBeVisible() },
  { name: 'provider-edit', path: providerPath('/edit'), ready: async (page) => expect(page.getByRole('button', { name: 'Save' })).toBeVisible() },
  { name: 'provider-add', path: () => '/providers/new', ready: async (page) => expect(page.getByRole('button', { name: 'Add', exact: true })).toBeVisible() },
  { name: 'first-run', path: () => '/first-run/found', ready: counted },
  { name: 'account', path: () => '/account', ready: async (page) => expect(page.getByText('You have no tokens.')).toBeVisible() },
  { name: 'vm-owner', path: async (world) => `/vms/${(await world.list('/v1/vms?power_state=running&limit=1'))[0]!.id}/owner`, ready: async (page) => expect(page.getByText('Nothing says anything: it belongs to the platform.')).toBeVisible() },
  { name: 'tenants', path: () => '/tenants', ready: async (page) => expect(page.getByRole('link', { name: 'The platform' })).toBeVisible() },
  { name: 'tenant-members', path: async (world) => `/tenants/${(await world.list('/v1/tenants'))[0]!.id}/members`, ready: async (page) => expect(page.getByRole('link', { name: 'Platform administrator' })).toBeVisible() },
  { name: 'tenant-quotas', path: async (world) => `/tenants/${(await world.list('/v1/tenants'))[0]!.id}/quotas`, ready: async (page) => expect(page.getByRole('gridcell', { name: 'vCPUs' })).toBeVisible() },
  { name: 'audit', path: () => '/audit', ready: async (page) => expect(page.getByRole('row', { name: /Add provider/ }).first()).toBeVisible() },
  { name: 'projects', path: () => '/projects', ready: async (page) => expect(page.getByText('There is no project that you see.')).toBeVisible() },
  { name: 'users', path: () => '/users', ready: async (page) => expect(page.getByRole('link', { name: 'admin', exact: true })).toBeVisible() },
  { name: 'user', path: async (world) => `/users/${(await world.list('/v1/users'))[0]!.id}`, ready: async (page) => expect(page.getByText('Signs in as')).toBeVisible() },
  { name: 'groups', path: () => '/groups', ready: async (page) => expect(page.getByText('There is no group that you see.')).toBeVisible() },
  { name: 'roles', path: () => '/roles', ready: async (page) => expect(page.getByRole('link', { name: 'Tenant administrator' })).toBeVisible() },
  { name: 'role', path: async (world) => `/roles/${(await world.list('/v1/roles?q=operator'))[0]!.id}`, ready: async (page) => expect(page.getByText('inventory.assign')).toBeVisible() },
  { name: 'rules', path: () => '/ownership-rules', ready: async (page) => expect(page.getByText('There are no rules')).toBeVisible() },
  { name: 'rule-add', path: () => '/ownership-rules/new', ready: async (page) => expect(page.getByText('Choose a project and fill in')).toBeVisible() },
  { name: 'about', path: () => '/about', ready: async (page) => expect(page.getByText(/(^|, )react \d/)).toBeVisible() },
  { name: 'not-found', path: () => '/no/such/page', ready: async (page) => expect(page.getByRole('heading', { level: 1 })).toBeVisible() },
];

/** A small laptop: forms and cards are looked at there too. */
const SMALL = { width: 1280, height: 800 };
/** What is left of it when everything is shown at twice the size. */
const ZOOMED = { width: 640, height: 400 };

async function expectFits(page: Page, width: number): Promise<void> {
  expect(await page.evaluate(() => document.documentElement.scrollWidth), `nothing is wider than ${width} pixels`).toBeLessThanOrEqual(width);
}

for (const look of looks) {
  test.describe(look.name, () => {
    test.use({ viewport: { width: 390, height: 844 } });

    // One load for all of it: what a theme changes are colours, what a width changes is the structure.
    test(`${look.name} is accessible on a phone, wide, and in both themes`, async ({ person: page, world, jumps }) => {
      const resize = (width: number, height: number) => jumps.excuse(page, async () => {
        await page.setViewportSize({ width, height });
        await look.ready(page);
        // The navigation opens by itself where there is room for it.
        await expect(page.getByRole('navigation', { name: 'Navigation' })).toBeVisible({ visible: width >= 1200 });
        await page.evaluate(() => Promise.allSettled(document.getAnimations().filter((one) => one instanceof CSSTransition).map((one) => one.finished)));
      });
      await page.goto(await look.path(world));
      await look.ready(page);
      await expectAccessible(page, 'structure');
      await picture(page, `${look.name}-phone`);
      await expectFits(page, 390);
      await resize(ZOOMED.width, ZOOMED.height);
      await expectFits(page, ZOOMED.width);
      await picture(page, `${look.name}-zoom`);
      if (/^(provider|first-run|account)/.test(look.name)) {
        await resize(SMALL.width, SMALL.height);
        await expectFits(page, SMALL.width);
        await picture(page, `${look.name}-1280`);
      }
      await resize(1440, 900);
      await expectAccessible(page);
      await picture(page, `${look.name}-light`);
      await setTheme(page, 'dark');
      await expectAccessible(page, 'colours');
      await picture(page, `${look.name}-dark`);
    });
  });
}

test('axe sees what is wrong', async ({ person: page }) => {
  await page.goto('/about');
  await expectAccessible(page);
  await page.evaluate(() => {
    const text = Object.assign(document.createElement('p'), { textContent: 'pale' });
    Object.assign(text.style, { color: '#888888', backgroundColor: '#777777' });
    document.querySelector('h1')!.after(text, document.createElement('img'));
  });
  await expect(expectAccessible(page)).rejects.toThrow(/color-contrast[^]*image-alt/);
  await expect(expectAccessible(page, 'colours')).rejects.toThrow(/color-contrast/);
  await expect(expectAccessible(page, 'structure')).rejects.toThrow(/image-alt/);
});

test('the sign-in is accessible in both themes', async ({ visitor }) => {
  await visitor.goto('/');
  await expect(visitor.getByRole('heading', { name: 'Sign in' })).toBeVisible();
  await expectAccessible(visitor);
  await picture(visitor, 'sign-in-light');
  await setTheme(visitor, 'dark');
  await expectAccessible(visitor, 'colours');
  await picture(visitor, 'sign-in-dark');
});

test('dialogs are accessible', async ({ person: page }) => {
  await page.goto('/vms');
  await rows(page);
  await page.getByRole('button', { name: 'Filter', exact: true }).click();
  await expect(page.getByRole('dialog')).toBeVisible();
  await expectAccessibleInBoth(page);
  await picture(page, 'filter');
  await page.keyboard.press('Escape');
  await page.getByRole('button', { name: 'Columns' }).click();
  await expect(page.getByRole('dialog')).toBeVisible();
  await expectAccessibleInBoth(page);
  await picture(page, 'columns');
  await page.keyboard.press('Escape');
  await page.keyboard.press('Control+k');
  // What is typed at once is asked for: the focus is in the box.
  await expect(page.getByRole('dialog').getByRole('textbox')).toBeFocused();
  await page.keyboard.type('dns');
  await expect(page.getByRole('option', { name: /dns/ }).first()).toBeVisible();
  await expectAccessibleInBoth(page);
  await picture(page, 'search');
});

test('Chinese is complete and kept', async ({ person: page }) => {
  await page.goto('/vms');
  await rows(page);
  await page.getByRole('button', { name: 'Language' }).click();
  await page.getByRole('menuitem', { name: '简体中文' }).click();
  await expect(page.getByRole('heading', { level: 1, name: '虚拟机' })).toBeVisible();
  await page.reload();
  await rows(page);
  await expect(page.locator('html')).toHaveAttribute('lang', 'zh-CN');
  await picture(page, 'vms-zh');
});

/** What is called in Latin letters only, and stands nowhere on the page as a name of something: a component's own word. */
const strangers = (page: Page) => page.evaluate(() => {
  const shown = document.body.innerText;
  const names = [...document.querySelectorAll('[aria-label], [title], [placeholder], .pf-v6-screen-reader')].filter((element) => !element.closest('[aria-hidden=true]')).flatMap((element) => [
    ...['aria-label', 'title', 'placeholder'].map((name) => element.getAttribute(name) ?? ''),
    element.matches('.pf-v6-screen-reader') ? element.textContent : '',
  ]);
  const strange = (part: string) => /[a-z]{4}/i.test(part) && !shown.includes(part);
  return [...new Set(names)].filter((name) => !/[一-鿿]/.test(name) && name.split(': ').some(strange));
});

test('what is not seen is said in Chinese too', async ({ person: page, world, jumps }) => {
  await page.addInitScript(() => localStorage.setItem('spandrel.language', 'zh-CN'));
  const [vm] = await world.list('/v1/vms?volume_count.gt=1&limit=1');
  const [provider] = await world.list('/v1/providers');
  const [tenant] = await world.list('/v1/tenants');
  const filters = ['power_state=running', 'name.contains=fra', ...['guest_os', 'uuid', 'host_id', 'cluster_id', 'zone_id', 'ip_addresses', 'mac_addresses', 'firmware'].map((name) => `${name}.exists=true`)];
  const paths = ['/', '/inventory', `/vms?${filters.join('&')}`, `/vms/${vm!.id}`, `/vms/${vm!.id}/native`, `/vms/${vm!.id}/volumes`, `/providers/${provider!.id}`, '/providers', '/providers/new', '/account', `/vms/${vm!.id}/owner`, '/tenants', '/projects', '/users', '/groups', '/roles', '/ownership-rules', '/ownership-rules/new', '/audit', `/tenants/${tenant!.id}/quotas`];
  for (const path of paths) {
    await page.goto(path);
    await expect(page.getByRole('heading', { level: 1 })).toBeVisible();
    await expect(page.locator('.pf-v6-c-skeleton')).toHaveCount(0);
    expect(await strangers(page), path).toEqual([]);
  }
  await page.goto('/vms');
  await rows(page);
  for (const name of ['筛选', '列']) {
    await page.getByRole('button', { name, exact: true }).click();
    await expect(page.getByRole('dialog')).toBeVisible();
    if (name === '筛选') await page.getByRole('dialog').getByRole('combobox').first().selectOption('host_id');
    expect(await strangers(page), name).toEqual([]);
    await page.getByRole('dialog').getByRole('button', { name: '关闭', exact: true }).click();
    await expect(page.getByRole('dialog')).toHaveCount(0);
  }
  await page.keyboard.press('Control+k');
  await expect(page.getByRole('dialog').getByRole('textbox')).toBeFocused();
  expect(await strangers(page)).toEqual([]);
  await page.keyboard.press('Escape');
  await jumps.excuse(page, () => page.setViewportSize({ width: 390, height: 844 }));
  await page.goto(`/vms/${vm!.id}`);
  await expect(page.getByRole('button', { name: '后面的标签页' })).toBeVisible();
  expect(await strangers(page)).toEqual([]);
});
