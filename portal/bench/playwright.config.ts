import { defineConfig } from '@playwright/test';
import tests from '../playwright.config';

// `./dev bench portal` runs this: it measures, it does not test. One page at a time, in the browser of the tests.
export default defineConfig({ ...tests, testDir: '.', workers: 1, testMatch: '*.bench.ts', outputDir: '../test-results', timeout: 3_600_000 });
