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

/** By the inequality of Dvoretzky, Kiefer and Wolfowitz p is about 2·exp(−2·nm/(n+m)·d²) at most: below 5e-324. */
function smallerThanAnyNumber(n: number, m: number, steps: number): boolean {
  return (2 * steps * steps) / (n * m * (n + m)) > 750;
}

/**
 * Equal sizes: the reflection principle in closed form (Hodges 1958, "The significance probability of the Smirnov two-sample
 * test", eq. 2.3), P = 2·A0·(1 − A1·(1 − A2·(…))) with Ak = C(2n, n − (k+1)h) / C(2n, n − kh). O(n).
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
 * Unequal sizes: P(i, j), the probability that a random lattice path to (i, j) has left the band |i/n − j/m| < d. It is 1
 * outside the band, else P(i−1, j)·i/(i+j) + P(i, j−1)·j/(i+j): only sums of positive terms, so tiny values stay accurate.
 * Walked along the diagonals i + j = s, where no cell waits for its neighbour. O(min(d, 1/2)·n·m) time, O(n) memory.
 */
function unequalSizes(n: number, m: number, steps: number): number {
  const total = n + m;
  // outside[i + 1] is P(i, s − i); the leading entry spares the loop a check for i = 0.
  const outside = new Float64Array(n + 2).fill(1);
  outside[1] = 0;
  let first = 0;
  for (let s = 1; s <= total; s++) {
    const bandStart = Math.floor((s * n - steps) / total) + 1;
    const bandEnd = Math.ceil((s * n + steps) / total) - 1;
    for (; first < bandStart; first++) outside[first + 1] = 1;
    const last = Math.min(bandEnd, s, n);
    const share = 1 / s;
    for (let i = last; i >= Math.max(first, s - m); i--) {
      outside[i + 1] = ((outside[i] ?? 1) * i + (outside[i + 1] ?? 1) * (s - i)) * share;
    }
  }
  return Math.min(1, outside[n + 1] ?? 1);
}
