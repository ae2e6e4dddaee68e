import { stirlingError } from './stirling.ts';

const tiny = 1e-300;

/**
 * The regularised upper incomplete gamma function Q(a, x) = Γ(a, x)/Γ(a) for x > 1000.
 *
 * Legendre's continued fraction by Lentz's method above the mean, one minus the power series below it (Press
 * et al., "Numerical Recipes", 6.2); both times the density in Loader's form, in which nothing large cancels.
 *
 * @param a > 0; below 16 the answer for such x is less than any number, 0
 */
export function largeGammaTail(a: number, x: number): number {
  if (a < 16) return 0;
  const offset = (x - a) / a;
  const exponent = -a * (offset - Math.log1p(offset)) - stirlingError(a);
  // x^a·e^(−x)/Γ(a)
  const density = Math.sqrt(a / (2 * Math.PI)) * Math.exp(exponent);
  if (density === 0) return x > a ? 0 : 1;
  return x >= a + 1 ? density * continuedFraction(a, x) : 1 - density * lowerSeries(a, x);
}

/** Γ(a, x)/(x^a·e^(−x)); needs about √a steps at worst. */
function continuedFraction(a: number, x: number): number {
  let b = x + 1 - a;
  let c = 1 / tiny;
  let d = 1 / b;
  let fraction = d;
  for (let i = 1; i < 1e6; i++) {
    const numerator = -i * (i - a);
    b += 2;
    const denominator = numerator * d + b;
    d = 1 / (Math.abs(denominator) < tiny ? tiny : denominator);
    const next = b + numerator / c;
    c = Math.abs(next) < tiny ? tiny : next;
    fraction *= d * c;
    if (Math.abs(d * c - 1) < Number.EPSILON) break;
  }
  return fraction;
}

/** γ(a, x)/(x^a·e^(−x)) = Σ x^k/(a(a+1)…(a+k)). */
function lowerSeries(a: number, x: number): number {
  let term = 1 / a;
  let sum = term;
  for (let k = 1; term > sum * Number.EPSILON; k++) {
    term *= x / (a + k);
    sum += term;
  }
  return sum;
}
