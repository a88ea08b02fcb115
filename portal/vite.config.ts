import { fileURLToPath } from 'node:url';
import react from '@vitejs/plugin-react';
import type { Plugin } from 'vite';
import { defineConfig } from 'vitest/config';

// `./dev portal` says where the running gateway is.
const gateway = process.env.SPANDREL_GATEWAY ?? 'http://127.0.0.1:8480';

/** The fonts of every page are asked for with it: words whose font comes late move what is beside them. */
const preloadFonts: Plugin = {
  name: 'preload-fonts',
  transformIndexHtml: {
    order: 'post',
    handler: (_, { bundle }) =>
      Object.keys(bundle ?? {}).filter((file) => /\/RedHat(Text|Display)VF-(?!Italic)/.test(file)).map((file) => ({
        tag: 'link', injectTo: 'head', attrs: { rel: 'preload', as: 'font', type: 'font/woff2', crossorigin: '', href: `/${file}` },
      })),
  },
};

export default defineConfig({
  plugins: [react(), preloadFonts],
  resolve: { alias: { '@': fileURLToPath(new URL('./src', import.meta.url)) } },
  build: {
    // Nothing is written into a page or a style sheet: the gateway's policy would refuse it, and files can be kept for ever.
    assetsInlineLimit: 0,
    cssCodeSplit: true,
    sourcemap: false,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
  server: {
    host: '127.0.0.1',
    port: 5480,
    proxy: Object.fromEntries(['/v1', '/docs', '/metrics'].map((path) => [path, { target: gateway, changeOrigin: false }])),
  },
  test: { environment: 'jsdom', include: ['src/**/*.test.{ts,tsx}'], restoreMocks: true },
});
