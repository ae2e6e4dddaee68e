/** Stands for the share of an empty bin where a logarithm of it is taken. */
export const ZERO_SHARE = 1e-4;

/** All rows. */
export function sum(counts: Float64Array): number {
  let total = 0;
  for (let bin = 0; bin < counts.length; bin++) total += counts[bin] ?? 0;
  return total;
}

/**
 * A bin's share of `total` rows, {@link ZERO_SHARE} if it is empty; shares are not renormalised after that.
 */
export function flooredShare(rows: number | undefined, total: number): number {
  return rows === undefined || rows === 0 ? ZERO_SHARE : rows / total;
}
