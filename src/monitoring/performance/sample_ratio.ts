import { chiSquareTail } from '../drift/chi_square_distribution.ts';

/** Below this the calls were not split as configured, whatever the reason (Kohavi, Tang & Xu 2020, chapter 21). */
export const MISMATCH_LEVEL = 0.001;

/** Calls that each arm must be expected to have for the χ² test. */
const LEAST_EXPECTED = 5;

export interface SampleRatio {
  /** null where there are too few calls to tell. */
  p_value: number | null;
  is_mismatch: boolean;
  /** Share of the calls that each arm has, and that its weight asks for. */
  observed: number[];
  expected: number[];
}

/**
 * Whether calls were split as configured: χ² goodness of fit, SciPy's `chisquare`. Calls that are not independent
 * (many of one entity, which routing keeps on one arm) make p too small: then count entities.
 *
 * @param calls per arm, whole; what is negative or no number gives no p-value
 * @param weights per arm, any positive scale; an arm of weight 0 must have no call
 */
export function sampleRatio(calls: readonly number[], weights: readonly number[]): SampleRatio {
  const total = calls.reduce((sum, count) => sum + count, 0);
  const weight = calls.reduce((sum, _, arm) => sum + (weights[arm] ?? 0), 0);
  const shareOf = (part: number, whole: number) =>
    part > 0 && whole > 0 && Number.isFinite(whole) ? part / whole : 0;
  const observed = calls.map((count) => shareOf(count, total));
  const expected = calls.map((_, arm) => shareOf(weights[arm] ?? 0, weight));
  const isAmount = (value: number) => value >= 0 && value <= Number.MAX_SAFE_INTEGER;
  if (![...calls, ...weights].every(isAmount)) {
    return { p_value: null, is_mismatch: false, observed, expected };
  }
  const isStray = calls.some((count, arm) => count > 0 && expected[arm] === 0);
  if (isStray) return { p_value: 0, is_mismatch: true, observed, expected };
  const weighted = calls.map((count, arm) => ({ count, wanted: (expected[arm] ?? 0) * total }));
  const arms = weighted.filter(({ wanted }) => wanted > 0);
  if (arms.length < 2 || arms.some(({ wanted }) => !(wanted >= LEAST_EXPECTED))) {
    return { p_value: null, is_mismatch: false, observed, expected };
  }
  const statistic = arms.reduce((sum, { count, wanted }) => sum + (count - wanted) ** 2 / wanted, 0);
  const p = chiSquareTail(statistic, arms.length - 1);
  return { p_value: p, is_mismatch: p < MISMATCH_LEVEL, observed, expected };
}
