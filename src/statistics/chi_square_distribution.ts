import gammainc from '@stdlib/math-base-special-gammainc';
import { largeGammaTail } from './large_gamma_tail.ts';

/**
 * gammainc 0.3.1 takes a series for x > 1000 that starts at a instead of a − 1: 1 % off there
 * (chi2.sf(5128.6, 5000) came out as 0.1009 instead of 0.1), exact to 1e-13 below. Above, the tail is
 * computed here.
 */
const maxTrusted = 1000;

/** P(X ≥ x) for X ~ χ² with `degrees` > 0 degrees of freedom, which need not be whole. SciPy's `chi2.sf`. */
export function chiSquareTail(x: number, degrees: number): number {
  if (x <= 0) return 1;
  const tail =
    x / 2 > maxTrusted ? largeGammaTail(degrees / 2, x / 2) : gammainc(x / 2, degrees / 2, true, true);
  return Math.min(1, Math.max(0, tail));
}

/**
 * The x that χ² with `degrees` degrees of freedom exceeds with probability `tail`. SciPy's `chi2.isf`.
 *
 * Bisection on the tail, which falls monotonically; some sixty steps reach the last digits.
 *
 * @param tail 0 < tail < 1; values below 1e-300 are taken as 1e-300
 */
export function chiSquareQuantile(tail: number, degrees: number): number {
  const wanted = Math.max(tail, 1e-300);
  let low = 0;
  let high = Math.max(1, degrees);
  while (chiSquareTail(high, degrees) > wanted) {
    low = high;
    high *= 2;
  }
  for (let step = 0; step < 200 && high - low > 2 * Number.EPSILON * high; step++) {
    const middle = low + (high - low) / 2;
    if (chiSquareTail(middle, degrees) > wanted) low = middle;
    else high = middle;
  }
  return low + (high - low) / 2;
}
