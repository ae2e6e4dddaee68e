const halfLogTwoPi = 0.5 * Math.log(2 * Math.PI);

/**
 * ln(n!) − ln(√(2πn)·(n/e)ⁿ), what Stirling's formula leaves, for n = 0, 1, 2 … (0 for n = 0, where it is
 * undefined). From the factorial itself below 16, from Stirling's series above (Loader 2000, "Fast and
 * accurate computation of binomial probabilities"). Absolute error below 1e-14.
 */
export function stirlingError(n: number): number {
  if (n === 0) return 0;
  if (n < 16) {
    let factorial = 1;
    for (let factor = 2; factor <= n; factor++) factorial *= factor;
    return Math.log(factorial) - (n + 0.5) * Math.log(n) + n - halfLogTwoPi;
  }
  const square = n * n;
  return (1 / 12 - (1 / 360 - (1 / 1260 - (1 / 1680 - 1 / 1188 / square) / square) / square) / square) / n;
}

/** ln(n!) for n = 0, 1, 2 … */
function logFactorial(n: number): number {
  return n < 2 ? 0 : stirlingError(n) + (n + 0.5) * Math.log(n) - n + halfLogTwoPi;
}

/** ln of the number of ways to choose `chosen` of `from`. */
export function logChoose(from: number, chosen: number): number {
  return logFactorial(from) - logFactorial(chosen) - logFactorial(from - chosen);
}
