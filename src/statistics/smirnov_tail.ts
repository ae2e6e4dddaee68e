import { stirlingError } from './stirling.ts';

/** Above this many terms the sum is taken at evenly spaced terms only. */
const maxTerms = 4096;

/**
 * P(Dn⁺ ≥ x), the tail of the one-sided one-sample Kolmogorov-Smirnov statistic (Birnbaum & Tingey 1951): Σ
 * C(n, v)·x·(x + v/n)^(v−1)·(1 − x − v/n)^(n−v) over 0 ≤ v ≤ n(1 − x). All terms are positive.
 *
 * For large n the summand is a smooth bump that vanishes, with all derivatives, at both ends; summing every
 * k-th term and multiplying by k (the trapezoidal rule on such a function) then gives the same sum to
 * rounding.
 *
 * @param n sample size, 1, 2, …
 * @param x 0 < x < 1
 */
export function smirnovTail(n: number, x: number): number {
  const last = Math.floor(n * (1 - x));
  const stride = Math.max(1, Math.floor(last / maxTerms));
  const sizeError = stirlingError(n);
  let sum = 0;
  for (let v = stride; v <= last; v += stride) sum += term(n, v, x, sizeError);
  const first = Math.exp(n * Math.log1p(-x));
  return Math.min(1, stride * sum + first);
}

/**
 * One term, written as a binomial probability C(n, v)·p^v·(1 − p)^(n−v) with p = x + v/n, times x/p (after
 * Loader 2000).
 */
function term(n: number, v: number, x: number, sizeError: number): number {
  const shift = n * x;
  const rest = n - v;
  if (shift >= rest) return 0;
  const exponent = v * Math.log1p(shift / v) + rest * Math.log1p(-shift / rest);
  const errors = sizeError - stirlingError(v) - stirlingError(rest);
  const binomial = Math.sqrt(n / (2 * Math.PI * v * rest)) * Math.exp(exponent + errors);
  return (shift / (shift + v)) * binomial;
}
