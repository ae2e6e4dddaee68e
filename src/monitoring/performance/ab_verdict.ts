import { sequenceHalfWidth } from './confidence_sequence.ts';
import { CONFIDENCE } from './metric.ts';
import { type SampleRatio, sampleRatio } from './sample_ratio.ts';

/** All that the comparison needs to know of an arm. */
export type ArmTotals =
  | { kind: 'share'; rows: number; successes: number }
  | { kind: 'mean'; rows: number; sum: number; sumOfSquares: number };

export type Verdict = 'a_better' | 'b_better' | 'no_difference_yet' | 'not_enough_data';

/** B against A, as it goes to the wire. */
export interface Comparison {
  /** null where calls were not split as configured: then nothing about the arms can be believed. */
  verdict: Verdict | null;
  /** Means or shares; null for an arm without rows. */
  a: number | null;
  b: number | null;
  /** b − a. */
  difference: number | null;
  /** Holds the true difference at all times at once; may be looked at as often as one likes. */
  interval: { low: number; high: number; method: 'confidence_sequence' } | null;
  sample_ratio: SampleRatio | null;
  /** The verdict's reason, a sentence or two. */
  detail: string;
}

export interface ComparisonOptions {
  /** Default true; false for errors and losses. */
  higherIsBetter?: boolean | undefined;
  /** Calls that each arm had, and the weights they were routed by. */
  split?: { calls: readonly [number, number]; weights: readonly [number, number] } | undefined;
  /** Rows of both arms at which the interval is to be tightest. Default 5000. Not to be chosen by the data. */
  tunedFor?: number | undefined;
}

const DEFAULT_TUNED_FOR = 5000;
/** The theory is asymptotic: below these, intervals are too narrow. */
const FEWEST_ROWS = 100;
/** Successes, and failures, that each arm must be expected to have at the rate of both together. */
const FEWEST_EVENTS = 10;

/**
 * Compares two arms that serve at the same time. It may be asked after every call: over a whole experiment without
 * a difference it names a winner in at most 5 of 100 cases.
 */
export function compareArms(a: ArmTotals, b: ArmTotals, options: ComparisonOptions = {}): Comparison {
  const { higherIsBetter = true, split, tunedFor = DEFAULT_TUNED_FOR } = options;
  const ratio = split === undefined ? null : sampleRatio(split.calls, split.weights);
  const [momentsA, momentsB] = [momentsOf(a), momentsOf(b)];
  const [meanA, meanB] = [momentsA?.mean ?? null, momentsB?.mean ?? null];
  const apart = meanA === null || meanB === null ? Number.NaN : meanB - meanA;
  const difference = Number.isFinite(apart) ? apart : null;
  const facts = { a: meanA, b: meanB, difference, sample_ratio: ratio };
  const lacking = whatLacks(a, b);
  const interval =
    momentsA === undefined || momentsB === undefined || lacking !== undefined
      ? null
      : intervalOf(momentsA, momentsB, tunedFor);

  if (ratio?.is_mismatch) return { ...facts, verdict: null, interval, detail: mismatchDetail(ratio) };
  if (interval === null || difference === null) {
    const detail = lacking ?? 'The values do not vary enough, or are too large, to compare.';
    return { ...facts, verdict: 'not_enough_data', interval: null, detail };
  }
  const range = `${format(interval.low)} to ${format(interval.high)}`;
  if (interval.low <= 0 && interval.high >= 0) {
    const detail = `B − A is ${format(difference)}, and anything from ${range} is possible.`;
    return { ...facts, verdict: 'no_difference_yet', interval, detail };
  }
  const isBBetter = interval.low > 0 === higherIsBetter;
  const verdict = isBBetter ? 'b_better' : 'a_better';
  return {
    ...facts,
    verdict,
    interval,
    detail: `B − A is ${format(difference)}, ${range} with 95 % confidence.`,
  };
}

interface Moments {
  rows: number;
  mean: number;
  variance: number;
}

/** Undefined for totals that no rows can have. */
function momentsOf(arm: ArmTotals): Moments | undefined {
  const { rows } = arm;
  if (!(rows >= 1 && Number.isFinite(rows))) return undefined;
  if (arm.kind === 'share') {
    if (!(arm.successes >= 0 && arm.successes <= rows)) return undefined;
    // Two rows more, one of either kind, keep the variance of rare events from being too small (Agresti & Caffo 2000).
    const share = (arm.successes + 1) / (rows + 2);
    return { rows, mean: arm.successes / rows + 0, variance: share * (1 - share) };
  }
  // Adding 0 makes a negative zero a plain one.
  const mean = arm.sum / rows + 0;
  if (!Number.isFinite(mean) || !Number.isFinite(arm.sumOfSquares)) return undefined;
  const variance = rows < 2 ? 0 : Math.max(0, (arm.sumOfSquares - arm.sum * mean) / (rows - 1));
  // What is left of a sum of squares this large is rounding.
  const rounding = (4 * Number.EPSILON * arm.sumOfSquares) / rows;
  return { rows, mean, variance: variance > rounding ? variance : 0 };
}

function whatLacks(a: ArmTotals, b: ArmTotals): string | undefined {
  if (a.kind !== b.kind) return 'One arm has a share and the other a mean.';
  if (!(a.rows >= FEWEST_ROWS && b.rows >= FEWEST_ROWS))
    return `A has ${a.rows} rows and B ${b.rows}; each needs ${FEWEST_ROWS}.`;
  if (a.kind !== 'share' || b.kind !== 'share') return undefined;
  const successes = a.successes + b.successes;
  const failures = a.rows + b.rows - successes;
  const smaller = Math.min(a.rows, b.rows) / (a.rows + b.rows);
  if (Math.min(successes, failures) * smaller >= FEWEST_EVENTS) return undefined;
  return (
    `Both arms together have ${successes} successes and ${failures} failures: ` +
    `the smaller arm can expect fewer than ${FEWEST_EVENTS} of a kind.`
  );
}

/** The arms' rows are one stream in which a row of arm i counts as its deviation over the arm's share of rows. */
function intervalOf(a: Moments, b: Moments, tunedFor: number): Comparison['interval'] {
  const count = a.rows + b.rows;
  const deviation = Math.sqrt(count * (a.variance / a.rows + b.variance / b.rows));
  const half = sequenceHalfWidth(deviation, count, tunedFor, 1 - CONFIDENCE);
  const difference = b.mean - a.mean;
  if (!(half > 0 && Number.isFinite(half) && Number.isFinite(difference))) return null;
  return { low: difference - half, high: difference + half, method: 'confidence_sequence' };
}

function mismatchDetail({ observed, expected, p_value }: SampleRatio): string {
  const percent = (shares: readonly number[]) =>
    shares.map((share) => `${(100 * share).toFixed(1)} %`).join(' to ');
  return (
    `SAMPLE_RATIO_MISMATCH: calls came ${percent(observed)}, configured is ${percent(expected)} ` +
    `(p = ${(p_value ?? 0).toPrecision(2)}). Find out which calls are missing before you compare the arms.`
  );
}

function format(value: number): string {
  return String(Number(value.toPrecision(3)));
}
