import { defineConfig, mergeConfig } from 'vitest/config';
import usual from './vitest.config.ts';

/** What takes minutes: chaos, kills, simulations. Named test/…/NAME.long.test.ts; one after another, since each loads the machine. */
export default mergeConfig(
  { ...usual, test: { ...usual.test, include: [], exclude: [] } },
  defineConfig({
    test: { include: ['test/**/*.long.test.ts'], testTimeout: 600_000, fileParallelism: false },
  }),
);
