import { kolmogorovTail } from './kolmogorov_distribution.ts';
import { exactKsPValue } from './ks_exact.ts';
import { largestDistance } from './largest_distance.ts';

/** Samples up to this size get the exact p-value; the same limit as SciPy's method='auto'. */
const maxExactSample = 10_000;

export interface KsTest {
  /** D, the largest distance between the two empirical distribution functions; 0 … 1. */
  statistic: number;
  /** Two-sided p-value; 0 … 1. */
  p_value: number;
}

/**
 * Two-sample, two-sided Kolmogorov-Smirnov test, equal to scipy.stats.ks_2samp.
 *
 * @param reference finite values, ascending, at least one
 * @param current finite values in any order, at least one; never sorted: the test counts them between
 * reference values
 */
export function ksTest(reference: Float64Array, current: Float64Array): KsTest {
  const n = reference.length;
  const m = current.length;
  const distance = largestDistance(reference, current);
  if (Math.max(n, m) <= maxExactSample) {
    const steps = Math.round(distance * n * m);
    return { statistic: steps / (n * m), p_value: exactKsPValue(n, m, steps) };
  }
  const large = Math.max(n, m);
  const small = Math.min(n, m);
  const effectiveSize = roundHalfToEven((large * small) / (large + small));
  return { statistic: distance, p_value: kolmogorovTail(effectiveSize, distance) };
}

function roundHalfToEven(value: number): number {
  const below = Math.floor(value);
  const rest = value - below;
  if (rest !== 0.5) return Math.round(value);
  return below % 2 === 0 ? below : below + 1;
}
