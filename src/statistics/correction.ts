/** How p-values of several features are corrected for multiple testing. */
export type Correction = 'bh' | 'bonferroni' | 'none';

/**
 * Adjusted p-values, in the order given.
 *
 * `bh`: Benjamini & Hochberg (1995), min over larger p of p·k/rank; equal to
 * scipy.stats.false_discovery_control. `bonferroni`: p·k. `none`: p. Never above 1.
 */
export function adjustPValues(pValues: readonly number[], correction: Correction): number[] {
  if (correction === 'none') return [...pValues];
  const count = pValues.length;
  if (correction === 'bonferroni') return pValues.map((p) => Math.min(1, p * count));

  const descending = pValues.map((p, index) => ({ p, index })).sort((left, right) => right.p - left.p);
  const adjusted = new Array<number>(count).fill(1);
  let smallest = 1;
  descending.forEach(({ p, index }, position) => {
    smallest = Math.min(smallest, p * (count / (count - position)));
    adjusted[index] = smallest;
  });
  return adjusted;
}
