const tiny = 1e-300;
const maxSteps = 100_000;

/**
 * The regularised incomplete beta function I_x(a, b) by its continued fraction and Lentz's method (Press et al.,
 * "Numerical Recipes", 6.4). SciPy's `betainc`.
 *
 * @param a > 0, and b > 0
 * @param rest 1 − x, 0 … 1, which keeps its digits where x is nearly 1
 */
export function incompleteBeta(a: number, b: number, x: number, rest = 1 - x): number {
  if (x <= 0) return 0;
  if (rest <= 0) return 1;
  // ln x from the smaller of the two, which has the more digits.
  const logX = x > 0.5 ? Math.log1p(-rest) : Math.log(x);
  const logRest = rest > 0.5 ? Math.log1p(-x) : Math.log(rest);
  const front = Math.exp(a * logX + b * logRest + logGamma(a + b) - logGamma(a) - logGamma(b));
  return x < (a + 1) / (a + b + 2)
    ? (front * continuedFraction(a, b, x)) / a
    : 1 - (front * continuedFraction(b, a, rest)) / b;
}

function continuedFraction(a: number, b: number, x: number): number {
  let c = 1;
  let d = 1 / away(1 - ((a + b) * x) / (a + 1));
  let fraction = d;
  for (let m = 1; m <= maxSteps; m++) {
    const even = (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m));
    d = 1 / away(1 + even * d);
    c = away(1 + even / c);
    fraction *= d * c;
    const odd = (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1));
    d = 1 / away(1 + odd * d);
    c = away(1 + odd / c);
    fraction *= d * c;
    if (Math.abs(d * c - 1) < Number.EPSILON) break;
  }
  return fraction;
}

function away(value: number): number {
  return Math.abs(value) < tiny ? tiny : value;
}

const halfLogTwoPi = 0.5 * Math.log(2 * Math.PI);

/** ln Γ(x), x > 0: Stirling's series from 16 on, below it by the recursion Γ(x + 1) = x·Γ(x). */
function logGamma(x: number): number {
  let [shift, at] = [0, x];
  while (at < 16) {
    shift += Math.log(at);
    at++;
  }
  const square = at * at;
  const series =
    (1 / 12 - (1 / 360 - (1 / 1260 - (1 / 1680 - 1 / 1188 / square) / square) / square) / square) / at;
  return (at - 0.5) * Math.log(at) - at + halfLogTwoPi + series - shift;
}
