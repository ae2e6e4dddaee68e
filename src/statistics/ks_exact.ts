/**
 * P(D ≥ d) of the two-sample two-sided Kolmogorov-Smirnov test under "no difference", without ties.
 *
 * @param n size of one sample
 * @param m size of the other
 * @param steps d · n · m, an integer: d in steps of 1/(n·m)
 */
export function exactKsPValue(n: number, m: number, steps: number): number {
  if (steps <= 0) return 1;
  if (smallerThanAnyNumber(n, m, steps)) return 0;
  return n === m ? equalSizes(n, Math.round(steps / n)) : unequalSizes(Math.min(n, m), Math.max(n, m), steps);
}

/**
 * By the inequality of Dvoretzky, Kiefer and Wolfowitz p is about 2·exp(−2·nm/(n+m)·d²) at most: below
 * 5e-324.
 */
function smallerThanAnyNumber(n: number, m: number, steps: number): boolean {
  return (2 * steps * steps) / (n * m * (n + m)) > 750;
}

/**
 * Equal sizes: the reflection principle in closed form (Hodges 1958, "The significance probability of the
 * Smirnov two-sample test", eq. 2.3), P = 2·A0·(1 − A1·(1 − A2·(…))) with Ak = C(2n, n − (k+1)h) / C(2n, n −
 * kh). O(n).
 *
 * @param h d · n, an integer
 */
function equalSizes(n: number, h: number): number {
  let tail = 0;
  for (let k = Math.floor(n / h); k >= 0; k--) {
    let ratio = 1;
    for (let j = 0; j < h; j++) ratio *= (n - k * h - j) / (n + k * h + j + 1);
    tail = ratio * (1 - tail);
  }
  return Math.min(1, 2 * tail);
}

/**
 * Unequal sizes: P(i, j), the probability that a random lattice path to (i, j) has left the band |i/n − j/m|
 * < d, is 1 outside the band, else P(i−1, j)·i/(i+j) + P(i, j−1)·j/(i+j): only sums of positive terms, so
 * tiny values stay accurate.
 *
 * Walked along the diagonals i + j = s, where no cell waits for its neighbour, and only half the way: the
 * band looks the same from its other end, so a path through (i, j) leaves it before or after with P(i, j) and
 * P(n − i, m − j), independently. O(min(d, 1/2)·n·m) time, O(n) memory.
 */
function unequalSizes(n: number, m: number, steps: number): number {
  const half = Math.floor((n + m) / 2);
  // outside[i + 1] is P(i, s − i); the extra leading entry saves the loop a check for i = 0.
  const outside = new Float64Array(n + 2).fill(1);
  outside[1] = 0;
  walkDiagonals(outside, n, m, steps, 1, half);
  const before = outside.slice();
  if ((n + m) % 2 === 1) walkDiagonals(outside, n, m, steps, half + 1, half + 1);

  const weights = pathWeights(n, m, half);
  let all = 0;
  let left = 0;
  for (let i = 0; i <= n; i++) {
    const weight = weights[i] ?? 0;
    const p = before[i + 1] ?? 1;
    const q = outside[n - i + 1] ?? 1;
    all += weight;
    left += weight * (p + q - p * q);
  }
  return Math.min(1, left / all);
}

/** Takes `outside` from diagonal `from` − 1 to diagonal `to`. */
function walkDiagonals(
  outside: Float64Array,
  n: number,
  m: number,
  steps: number,
  from: number,
  to: number,
): void {
  const total = n + m;
  const bandStart = (s: number) => Math.floor((s * n - steps) / total) + 1;
  for (let s = from; s <= to; s++) {
    const first = Math.max(bandStart(s), s - m, 0);
    const last = Math.min(Math.ceil((s * n + steps) / total) - 1, s, n);
    const share = 1 / s;
    let right = outside[last + 1] ?? 1;
    for (let i = last; i >= first; i--) {
      const left = outside[i] ?? 1;
      const probability = (left * i + right * (s - i)) * share;
      // Subnormal numbers are slow, and too small to affect any result that is not subnormal itself.
      outside[i + 1] = probability < 1e-305 ? 0 : probability;
      right = left;
    }
    // Cells that the band leaves on this diagonal are set only now, since they were read as cells inside it.
    for (let i = Math.max(bandStart(s - 1), 0); i < bandStart(s); i++) outside[i + 1] = 1;
  }
}

/**
 * How many of all paths pass (i, s − i), for every i, up to a common factor: hypergeometric, by ratios from
 * its mode.
 */
function pathWeights(n: number, m: number, s: number): Float64Array {
  const first = Math.max(0, s - m);
  const last = Math.min(n, s);
  const mode = Math.min(last, Math.max(first, Math.floor(((s + 1) * (n + 1)) / (n + m + 2))));
  const weights = new Float64Array(n + 1);
  const ratio = (i: number) => ((n - i) * (s - i)) / ((i + 1) * (m - s + i + 1));
  weights[mode] = 1;
  for (let i = mode; i < last; i++) weights[i + 1] = (weights[i] ?? 0) * ratio(i);
  for (let i = mode; i > first; i--) weights[i - 1] = (weights[i] ?? 0) / ratio(i - 1);
  return weights;
}
