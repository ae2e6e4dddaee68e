/** Stands for the share of an empty bin where a logarithm of it is taken. */
export const ZERO_SHARE = 1e-4;

/** Rows per bin as shares of all rows; 0 everywhere when there are no rows. */
export function shares(counts: Float64Array): Float64Array {
  const total = sum(counts);
  return total === 0 ? new Float64Array(counts.length) : counts.map((count) => count / total);
}

/** As {@link shares}, with {@link ZERO_SHARE} in place of 0 and no renormalising. */
export function flooredShares(counts: Float64Array): Float64Array {
  return shares(counts).map((share) => (share === 0 ? ZERO_SHARE : share));
}

/** All rows. */
export function sum(counts: Float64Array): number {
  let total = 0;
  for (const count of counts) total += count;
  return total;
}
