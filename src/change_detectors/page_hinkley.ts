import { z } from 'zod';
import { type Change, observable } from './change.ts';

export const pageHinkleyOptionsSchema = z.strictObject({
  /** No change is reported before this many values. */
  minimumValues: z.int().min(1).default(30),
  /** A change of the mean that is small enough to ignore, in the unit of the values. */
  delta: z.number().min(0).default(0.005),
  /** How far a cumulative sum may leave its extreme (λ), in the unit of the values. */
  threshold: z.number().gt(0).default(50),
  /** What remains of the cumulative sums at every value. */
  alpha: z.number().gt(0).max(1).default(0.9999),
  /** Which changes count. */
  direction: z.enum(['up', 'down', 'both']).default('both'),
});

/**
 * A cumulative sum, its extreme so far, and the state at that extreme, which is the best estimate of where the change
 * began.
 */
const cumulativeSumSchema = z.strictObject({
  sum: z.number(),
  extreme: z.number(),
  extremeCount: z.int().min(0),
  extremeMean: z.number(),
});

export const pageHinkleyStateSchema = z.strictObject({
  kind: z.literal('page_hinkley'),
  options: pageHinkleyOptionsSchema,
  /** Values since the start or the last change. */
  count: z.int().min(0),
  mean: z.number(),
  rise: cumulativeSumSchema,
  fall: cumulativeSumSchema,
  /** Whether the last value showed a change; the next one then starts anew. */
  changed: z.boolean(),
  /** Changes found so far. */
  changes: z.int().min(0),
});

/** Plain JSON, so that another process can go on with it. */
export type PageHinkleyState = z.infer<typeof pageHinkleyStateSchema>;

type CumulativeSum = PageHinkleyState['rise'];

/** river's start of the maximum, which the first value always beats. */
const firstMaximum = -1;

/** A detector that has seen nothing. The defaults are river's; scale delta and threshold to the values. */
export function createPageHinkley(options: z.input<typeof pageHinkleyOptionsSchema> = {}): PageHinkleyState {
  return {
    kind: 'page_hinkley',
    options: pageHinkleyOptionsSchema.parse(options),
    count: 0,
    mean: 0,
    rise: freshSum(Number.MAX_VALUE),
    fall: freshSum(firstMaximum),
    changed: false,
    changes: 0,
  };
}

/**
 * Takes one value and says whether the mean of the stream has changed: the two-sided test of Page (1954),
 * "Continuous inspection schemes", with forgetting, as river.drift.PageHinkley computes it. A change is placed
 * where the cumulative sum had its extreme.
 *
 * Changes `state`. A missing value (NaN or infinite) is left out.
 */
export function updatePageHinkley(state: PageHinkleyState, given: number): Change | undefined {
  const value = observable(given);
  if (value === undefined) return undefined;
  if (state.changed) startAnew(state);
  const { rise, fall, options } = state;
  const { alpha, delta, direction } = options;
  state.count++;
  // In river's order of operations: the last bits decide where a sum passes the threshold.
  state.mean += (1 / state.count) * (value - state.mean);
  const deviation = value - state.mean;
  rise.sum = alpha * rise.sum + deviation - delta;
  fall.sum = alpha * fall.sum + deviation + delta;
  if (rise.sum < rise.extreme) setExtreme(rise, state);
  if (fall.sum > fall.extreme) setExtreme(fall, state);
  if (state.count < options.minimumValues) return undefined;
  if (direction !== 'down' && rise.sum - rise.extreme > options.threshold) return change(state, 'up');
  if (direction !== 'up' && fall.extreme - fall.sum > options.threshold) return change(state, 'down');
  return undefined;
}

function freshSum(extreme: number): CumulativeSum {
  return { sum: 0, extreme, extremeCount: 0, extremeMean: 0 };
}

function startAnew(state: PageHinkleyState): void {
  state.count = 0;
  state.mean = 0;
  state.rise = freshSum(Number.MAX_VALUE);
  state.fall = freshSum(firstMaximum);
  state.changed = false;
}

function setExtreme(cumulative: CumulativeSum, { count, mean }: PageHinkleyState): void {
  cumulative.extreme = cumulative.sum;
  cumulative.extremeCount = count;
  cumulative.extremeMean = mean;
}

function change(state: PageHinkleyState, direction: Change['direction']): Change {
  state.changed = true;
  state.changes++;
  const { extremeCount, extremeMean } = direction === 'up' ? state.rise : state.fall;
  const since = state.count - extremeCount;
  const after = (state.count * state.mean - extremeCount * extremeMean) / since;
  return { direction, before: extremeMean, after, since };
}
