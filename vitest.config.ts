import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // What takes minutes (chaos, kills, simulations): `npm run test:long`.
    exclude: ['test/**/*.long.test.ts'],
    globalSetup: ['test/global_setup.ts'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    pool: 'forks',
    // Files of a worker share what they import: loading it anew for each took a quarter of the time.
    isolate: false,
    // All processors: vitest would leave one idle, which is half of two.
    maxWorkers: '100%',
  },
});
