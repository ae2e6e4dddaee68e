import { chiSquareTail } from './chi_square_distribution.ts';

/**
 * Below this p-value the calls were not split as configured, whatever the reason (Kohavi, Tang & Xu 2020, chapter
 * 21).
 */
export const mismatchLevel = 0.001;

/** Calls that each arm must be expected to have for the χ² test. */
const minExpected = 5;

/**
 * χ² goodness of fit of counts to weights, SciPy's `chisquare`; undefined where there are too few to tell.
 * A count where the weight is 0 fits nothing: p is 0.
 *
 * @param counts per arm, whole
 * @param weights per arm, any positive scale
 */
export function sampleRatioTest(
  counts: readonly number[],
  weights: readonly number[],
): { statistic: number; pValue: number } | undefined {
  const isAmount = (value: number) => value >= 0 && value <= Number.MAX_SAFE_INTEGER;
  if (![...counts, ...weights].every(isAmount)) return undefined;
  const total = counts.reduce((sum, count) => sum + count, 0);
  const weight = counts.reduce((sum, _, arm) => sum + (weights[arm] ?? 0), 0);
  const arms = counts.map((count, arm) => ({ count, wanted: (total * (weights[arm] ?? 0)) / weight }));
  if (arms.some(({ count, wanted }) => count > 0 && wanted === 0))
    return { statistic: Number.POSITIVE_INFINITY, pValue: 0 };
  const weighted = arms.filter(({ wanted }) => wanted > 0);
  if (weighted.length < 2 || weighted.some(({ wanted }) => !(wanted >= minExpected))) return undefined;
  const statistic = weighted.reduce((sum, { count, wanted }) => sum + (count - wanted) ** 2 / wanted, 0);
  return { statistic, pValue: chiSquareTail(statistic, weighted.length - 1) };
}

export interface SampleRatio {
  /** null where there are too few calls to tell. */
  p_value: number | null;
  is_mismatch: boolean;
  /** Share of the calls of each arm, observed and by its weight. */
  observed: number[];
  expected: number[];
}

/**
 * Whether calls were split as configured: χ² goodness of fit, SciPy's `chisquare`. Calls that are not independent
 * (many of one entity, which routing keeps on one arm) make p too small: then count entities.
 *
 * @param calls per arm, whole; a negative or non-finite count gives no p-value
 * @param weights per arm, any positive scale; an arm of weight 0 must have no call
 */
export function sampleRatio(calls: readonly number[], weights: readonly number[]): SampleRatio {
  const total = calls.reduce((sum, count) => sum + count, 0);
  const weight = calls.reduce((sum, _, arm) => sum + (weights[arm] ?? 0), 0);
  const shareOf = (part: number, whole: number) =>
    part > 0 && whole > 0 && Number.isFinite(whole) ? part / whole : 0;
  const observed = calls.map((count) => shareOf(count, total));
  const expected = calls.map((_, arm) => shareOf(weights[arm] ?? 0, weight));
  const test = sampleRatioTest(calls, weights);
  return {
    p_value: test?.pValue ?? null,
    is_mismatch: test !== undefined && test.pValue < mismatchLevel,
    observed,
    expected,
  };
}
