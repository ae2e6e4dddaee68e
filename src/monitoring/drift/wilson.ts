import { chiSquareQuantile } from './chi_square_distribution.ts';

/**
 * The score interval of a share, by Wilson (1927), "Probable inference, the law of succession, and statistical
 * inference"; equal to SciPy's binomtest(…).proportion_ci(method='wilson').
 *
 * @param successes 0 … trials
 * @param level of confidence, 0 < level < 1
 * @returns two shares, 0 … 1; both ends of the scale when there are no trials
 */
export function wilsonInterval(successes: number, trials: number, level = 0.95): [low: number, high: number] {
  if (trials === 0) return [0, 1];
  const squaredZ = chiSquareQuantile(1 - level, 1);
  const share = successes / trials;
  const centre = share + squaredZ / (2 * trials);
  const reach = Math.sqrt(squaredZ * ((share * (1 - share)) / trials + squaredZ / (4 * trials * trials)));
  const scale = 1 + squaredZ / trials;
  // At the ends the formula gives 0 and 1 but for rounding.
  const low = successes === 0 ? 0 : Math.max(0, (centre - reach) / scale);
  const high = successes === trials ? 1 : Math.min(1, (centre + reach) / scale);
  return [low, high];
}
