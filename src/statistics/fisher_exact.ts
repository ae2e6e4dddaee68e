import { logChoose } from './stirling.ts';

/**
 * Fisher's exact test of two shares, one-sided: the probability of so few hits among the first trials, or fewer, when
 * the hits of both are spread over the trials by chance. SciPy's
 * `fisher_exact([[hits, trials − hits], [otherHits, otherTrials − otherHits]], alternative='less').pvalue`.
 *
 * @param hits 0 … trials, whole; likewise the others
 * @returns 0 … 1; 1 where there is nothing to compare
 */
export function fisherLess(hits: number, trials: number, otherHits: number, otherTrials: number): number {
  const marked = hits + otherHits;
  const total = trials + otherTrials;
  const least = Math.max(0, marked - otherTrials);
  const most = Math.min(trials, marked);
  if (least === most) return 1;
  // From where the sum begins the terms fall, so it ends early: below the mode down from the hits, else up from the next.
  const mode = ((trials + 1) * (marked + 1)) / (total + 2);
  if (hits < mode) return Math.min(1, tailSum(hits, -1));
  return hits >= most ? 1 : Math.max(0, 1 - tailSum(hits + 1, 1));

  function tailSum(from: number, step: 1 | -1): number {
    let term = Math.exp(
      logChoose(trials, from) + logChoose(otherTrials, marked - from) - logChoose(total, marked),
    );
    let sum = term;
    for (let k = from; step < 0 ? k > least : k < most; k += step) {
      const upper = step > 0 ? k : k - 1;
      // P(upper + 1) / P(upper)
      const ratio =
        ((trials - upper) * (marked - upper)) / ((upper + 1) * (otherTrials - marked + upper + 1));
      term *= step > 0 ? ratio : 1 / ratio;
      sum += term;
      if (term < sum * Number.EPSILON) break;
    }
    return sum;
  }
}
