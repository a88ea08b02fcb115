import { defineConfig } from '@playwright/test';

// Debian's own Chromium: nothing is downloaded. The gateway and the simulator are started by e2e/world.ts.
export default defineConfig({
  testDir: './e2e',
  outputDir: './test-results',
  // Each has a gateway and a simulator of its own. One waits for the gateway while another's pages are looked at.
  workers: 2,
  fullyParallel: false,
  forbidOnly: Boolean(process.env.CI),
  // A test that passes only at its second try is named as flaky, and is to be mended; it does not hold back what else is there.
  retries: process.env.CI ? 1 : 0,
  // The machine may be busy with others.
  timeout: 180_000,
  expect: { timeout: 60_000 },
  reporter: [['list']],
  use: {
    launchOptions: {
      executablePath: process.env.SPANDREL_CHROMIUM ?? '/usr/bin/chromium',
      // Root may not use Chromium's sandbox; the pages are our own.
      args: process.getuid?.() === 0 ? ['--no-sandbox'] : [],
    },
    locale: 'en-GB',
    timezoneId: 'UTC',
    viewport: { width: 1440, height: 900 },
    // A press that waits for what never comes fails by its own name, not by the end of the test.
    actionTimeout: 60_000,
    screenshot: 'only-on-failure',
    trace: 'off',
  },
});
