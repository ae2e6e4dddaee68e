import { incompleteBeta } from './incomplete_beta.ts';
import { normalQuantile } from './interval.ts';

/**
 * McNemar's exact test of two shares on the same rows: whether rows that only one of both got right are as many on
 * either side. Two-sided, by the binomial distribution (McNemar 1947); statsmodels' `mcnemar(exact=True)`.
 *
 * @param onlyOne rows that only the first got right, and `onlyOther` that only the second did: whole, ≥ 0
 * @returns 1 where there are none
 */
export function mcnemarExact(onlyOne: number, onlyOther: number): number {
  const fewer = Math.min(onlyOne, onlyOther);
  const rows = onlyOne + onlyOther;
  if (fewer * 2 === rows) return 1;
  // P(X ≤ fewer) of rows tosses of a coin.
  return Math.min(1, 2 * incompleteBeta(rows - fewer, fewer + 1, 0.5, 0.5));
}

/**
 * 95 % interval of the difference of the two shares, other − one: Bonett & Price (2012), "Adjusted Wald confidence interval
 * for a difference of binomial proportions based on paired data", which is not empty where no row tells the two apart.
 *
 * @param rows all rows, at least 1
 */
export function pairedShareInterval(
  onlyOne: number,
  onlyOther: number,
  rows: number,
): { low: number; high: number } {
  const [one, other] = [(onlyOne + 1) / (rows + 2), (onlyOther + 1) / (rows + 2)];
  const half = normalQuantile * Math.sqrt((one + other - (other - one) ** 2) / (rows + 2));
  return { low: Math.max(-1, other - one - half), high: Math.min(1, other - one + half) };
}
