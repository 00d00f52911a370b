import { defineConfig } from 'vite'

/** In development the API is another process: `npx holdfast dev`. */
const API = process.env.HOLDFAST_URL ?? 'http://127.0.0.1:4600'

export default defineConfig({
  root: import.meta.dirname,
  // Relative: the page finds its assets under any prefix.
  base: './',
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  build: {
    outDir: '../dist/dashboard',
    emptyOutDir: true,
    target: ['chrome123', 'firefox120', 'safari17.5'],
    cssTarget: ['chrome123', 'firefox120', 'safari17.5'],
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0, // a data: address is not 'self'
  },
  server: {
    host: '127.0.0.1',
    proxy: Object.fromEntries(['/v1', '/docs', '/openapi.json', '/health'].map((path) => [path, API])),
  },
})
