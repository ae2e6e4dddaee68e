import { durbinProbability } from './durbin_matrix.ts';
import { pelzGoodProbability } from './pelz_good.ts';
import { smirnovTail } from './smirnov_tail.ts';
import { stirlingError } from './stirling.ts';

/**
 * P(Dn ≥ x), the tail of the two-sided one-sample Kolmogorov-Smirnov statistic; SciPy's `kstwo.sf(x, n)`.
 *
 * The choice among exact forms and expansions follows Simard & L'Ecuyer (2011), "Computing the two-sided
 * Kolmogorov-Smirnov distribution", Journal of Statistical Software 39(11). Relative error below 1e-6
 * everywhere, mostly below 1e-10; from about 1e-320 down the answer is 0.
 *
 * @param n sample size, 1, 2, …; 0 gives 1
 * @param x the statistic
 */
export function kolmogorovTail(n: number, x: number): number {
  if (x <= 0 || n < 1) return 1;
  if (x >= 1) return 0;
  const steps = n * x;
  if (steps <= 0.5) return 1;
  if (steps <= 1) return 1 - smallestDistances(n, steps);
  if (steps >= n - 1) return Math.min(1, 2 * Math.exp(n * Math.log1p(-x)));

  // From here on, deviations in both directions at once are impossible (x ≥ ½) or too rare to change the result's
  // digits.
  const z2 = steps * x;
  const oneSidedFrom = n <= 140 ? 4 : 2.2;
  if (x >= 0.5 || z2 > oneSidedFrom) return z2 > 1000 ? 0 : Math.min(1, 2 * smirnovTail(n, x));

  const probability = exactIsCheap(n, x) ? durbinProbability(n, x) : pelzGoodProbability(n, x);
  return Math.min(1, Math.max(0, 1 - probability));
}

/**
 * Pelz & Good's expansion gives all digits wanted for n > 140 and x that is not too small; for smaller x the matrix
 * is small. Above n = 20 000 the tail at such small x is 1 to nine digits.
 */
function exactIsCheap(n: number, x: number): boolean {
  return n <= 140 || (n <= 20_000 && n * x ** 1.5 <= 1.4);
}

/** P(Dn < x) for 1/(2n) ≤ x ≤ 1/n: n!/nⁿ·(2nx − 1)ⁿ (Ruben & Gambino 1982). */
function smallestDistances(n: number, steps: number): number {
  return Math.exp(0.5 * Math.log(2 * Math.PI * n) - n + stirlingError(n) + n * Math.log(2 * steps - 1));
}
