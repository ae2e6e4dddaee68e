import { flooredShares } from './shares.ts';

/**
 * Kullback-Leibler divergence KL(reference ‖ current) = Σ r·ln(r/c) over the bins' shares, in nats. Since an empty bin counts as
 * 1e-4 without renormalising, it can come out a hair (1e-4 per empty bin) below 0.
 *
 * @param reference rows per bin, at least one row
 * @param current rows per bin, same length, at least one row
 */
export function klDivergence(reference: Float64Array, current: Float64Array): number {
  const referenceShares = flooredShares(reference);
  const currentShares = flooredShares(current);
  let divergence = 0;
  for (let bin = 0; bin < reference.length; bin++) {
    const r = referenceShares[bin] ?? 0;
    const c = currentShares[bin] ?? 0;
    divergence += r * Math.log(r / c);
  }
  return divergence;
}
