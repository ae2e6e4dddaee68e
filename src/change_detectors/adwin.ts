import { z } from 'zod';
import { type Change, observable } from './change.ts';
import {
  dropOldest,
  type ExponentialHistogram,
  emptyHistogram,
  exponentialHistogramSchema,
  insertValue,
} from './exponential_histogram.ts';

export const adwinOptionsSchema = z.strictObject({
  /** Approximate chance of a false alarm at one check of the window. */
  delta: z.number().gt(0).lt(1).default(0.002),
  /** The window is checked after every `clock` values. */
  clock: z.int().min(1).default(32),
  /** Buckets of one size before two are merged; more make cuts finer and checks more expensive. */
  maxBuckets: z.int().min(2).max(100).default(5),
  /** Fewest values on either side of a cut. */
  minimumSide: z.int().min(1).default(5),
  /** The window is not checked before it holds more values than this. */
  gracePeriod: z.int().min(0).default(10),
});

export const adwinStateSchema = z.strictObject({
  kind: z.literal('adwin'),
  options: adwinOptionsSchema,
  window: exponentialHistogramSchema,
  /** Values taken since the window was last emptied. */
  ticks: z.int().min(0),
  /** Whether the last value showed a change; the next one then starts a new window. */
  changed: z.boolean(),
  /** Changes found so far. */
  changes: z.int().min(0),
});

/** Plain JSON, so that another process can go on with it. */
export type AdwinState = z.infer<typeof adwinStateSchema>;

/** A detector that has seen nothing. The defaults are river's. */
export function createAdwin(options: z.input<typeof adwinOptionsSchema> = {}): AdwinState {
  return {
    kind: 'adwin',
    options: adwinOptionsSchema.parse(options),
    window: emptyHistogram(),
    ticks: 0,
    changed: false,
    changes: 0,
  };
}

/**
 * Takes one value into the adaptive window and says whether the stream has changed: ADWIN2 of Bifet & Gavaldà
 * (2007), "Learning from time-changing data with adaptive windowing", with the normal approximation of its
 * bound, as river.drift.ADWIN computes it. Like river, it starts an empty window after a change, where the paper
 * goes on with the young half of the old one.
 *
 * Changes `state`. Costs a fraction of a microsecond; memory grows with the logarithm of the window. A missing
 * value (NaN or infinite) is left out.
 */
export function updateAdwin(state: AdwinState, given: number): Change | undefined {
  const value = observable(given);
  if (value === undefined) return undefined;
  if (state.changed) {
    state.window = emptyHistogram();
    state.ticks = 0;
    state.changed = false;
  }
  const { window, options } = state;
  insertValue(window, value, options.maxBuckets);
  state.ticks++;
  if (state.ticks % options.clock !== 0 || window.width <= options.gracePeriod) return undefined;
  const { width, total } = window;
  while (hasCut(window, options)) dropOldest(window);
  if (window.width === width) return undefined;
  state.changed = true;
  state.changes++;
  const before = (total - window.total) / (width - window.width);
  const { mean: after, width: since } = adwinEstimate(state);
  return { direction: after > before ? 'up' : 'down', before, after, since };
}

/** Mean, population variance and number of the values in the window; zeros when it is empty. */
export function adwinEstimate({ window }: AdwinState): { mean: number; variance: number; width: number } {
  const { width, total, variance } = window;
  if (width === 0) return { mean: 0, variance: 0, width };
  return { mean: total / width, variance: Math.max(0, variance / width), width };
}

/** Whether the window can be cut, at a border between buckets, into two parts whose means differ too much. */
function hasCut(window: ExponentialHistogram, options: AdwinState['options']): boolean {
  const { width, total, levels } = window;
  const { minimumSide } = options;
  const confidence = Math.log((2 * Math.log(width)) / options.delta);
  const spread = window.variance / width;
  let oldRows = 0;
  let youngRows = width;
  let oldTotal = 0;
  let youngTotal = total;
  for (let index = levels.length - 1; index >= 0; index--) {
    const size = 2 ** index;
    for (const inBucket of levels[index]?.totals ?? []) {
      oldRows += size;
      youngRows -= size;
      oldTotal += inBucket;
      youngTotal -= inBucket;
      if (youngRows < minimumSide) return false;
      if (oldRows < minimumSide) continue;
      const inverse = 1 / (oldRows - minimumSide + 1) + 1 / (youngRows - minimumSide + 1);
      const allowed = Math.sqrt(2 * inverse * spread * confidence) + (2 / 3) * confidence * inverse;
      if (Math.abs(oldTotal / oldRows - youngTotal / youngRows) > allowed) return true;
    }
  }
  return false;
}
