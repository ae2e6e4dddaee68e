/** The share that an empty bin counts as where its logarithm is taken. */
const zeroShare = 1e-4;

/** The sum of the counts. */
export function sum(counts: Float64Array): number {
  let total = 0;
  for (let bin = 0; bin < counts.length; bin++) total += counts[bin] ?? 0;
  return total;
}

/**
 * A bin's share of `total` rows, {@link zeroShare} if it is empty; shares are not renormalised after that.
 */
export function flooredShare(rows: number | undefined, total: number): number {
  return rows === undefined || rows === 0 ? zeroShare : rows / total;
}
