import { expect, it } from 'vitest';
import { threadsPerHost } from '../../../src/serving/engine/model_host.ts';

it.each([
  { processors: 1, instances: 1, threads: 1 },
  { processors: 2, instances: 1, threads: 1 },
  { processors: 16, instances: 1, threads: 8 },
  { processors: 16, instances: 4, threads: 2 },
  { processors: 16, instances: 16, threads: 1 },
])(
  '$processors processors and $instances hosts: $threads threads each',
  ({ processors, instances, threads }) => {
    expect(threadsPerHost(processors, instances)).toBe(threads);
  },
);
