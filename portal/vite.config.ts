import { fileURLToPath } from 'node:url';
import react from '@vitejs/plugin-react';
import { defineConfig } from 'vitest/config';

// `./dev portal` says where the running gateway is.
const gateway = process.env.SPANDREL_GATEWAY ?? 'http://127.0.0.1:8480';

export default defineConfig({
  plugins: [react()],
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
