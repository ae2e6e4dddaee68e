import { chiSquareQuantile } from './chi_square_distribution.ts';
import { confidenceLevel, type Interval } from './interval.ts';

/** Squared quantiles of the standard normal distribution, by confidence level. */
const squaredQuantiles = new Map<number, number>();

function squaredQuantile(level: number): number {
  const known = squaredQuantiles.get(level) ?? chiSquareQuantile(1 - level, 1);
  squaredQuantiles.set(level, known);
  return known;
}

/**
 * The score interval of a share, by Wilson (1927), "Probable inference, the law of succession, and statistical
 * inference"; equal to SciPy's binomtest(…).proportion_ci(method='wilson').
 *
 * @param successes 0 … trials
 * @param level of confidence, 0 < level < 1; a one-sided bound at 99 % is an end of the interval at 98 %
 * @returns two shares, 0 … 1; both ends of the scale when there are no trials
 */
export function wilsonInterval(successes: number, trials: number, level = confidenceLevel): Interval {
  if (trials === 0) return { low: 0, high: 1, method: 'wilson' };
  const squaredZ = squaredQuantile(level);
  const share = successes / trials;
  const centre = share + squaredZ / (2 * trials);
  const reach = Math.sqrt(squaredZ * ((share * (1 - share)) / trials + squaredZ / (4 * trials * trials)));
  const scale = 1 + squaredZ / trials;
  return {
    // At 0 and at all successes the formula gives 0 and 1 except for rounding.
    low: successes === 0 ? 0 : Math.max(0, (centre - reach) / scale),
    high: successes === trials ? 1 : Math.min(1, (centre + reach) / scale),
    method: 'wilson',
  };
}
