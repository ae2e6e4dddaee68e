import { studentTail } from './student.ts';

/** What is known of a sample: its mean, its variance (ddof 1) and how many values it has. */
export interface Sample {
  mean: number;
  variance: number;
  count: number;
}

/**
 * Welch's (1947) test of two means with variances of their own, one-sided: the probability of so much larger a mean of
 * the first where both are the same. SciPy's `ttest_ind(one, other, equal_var=False, alternative='greater').pvalue`.
 *
 * @returns 0 … 1; 1 where either has fewer than two values or neither spreads
 */
export function welchGreater(one: Sample, other: Sample): number {
  const [own, others] = [one.variance / one.count, other.variance / other.count];
  const squared = own + others;
  if (!(one.count > 1 && other.count > 1 && squared > 0 && Number.isFinite(squared))) return 1;
  const t = (one.mean - other.mean) / Math.sqrt(squared);
  const degrees = squared ** 2 / (own ** 2 / (one.count - 1) + others ** 2 / (other.count - 1));
  return studentTail(t, degrees);
}
