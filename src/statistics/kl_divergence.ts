import { flooredShare, sum } from './shares.ts';

/**
 * Kullback-Leibler divergence KL(reference ‖ current) = Σ r·ln(r/c) over the bins' shares, in nats. Since an empty
 * bin counts as 1e-4 without renormalising, the result may be as low as −1e-4 per empty bin.
 *
 * @param reference rows per bin, at least one row
 * @param current rows per bin, same length, at least one row
 */
export function klDivergence(reference: Float64Array, current: Float64Array): number {
  const n = sum(reference);
  const m = sum(current);
  let divergence = 0;
  for (let bin = 0; bin < reference.length; bin++) {
    const r = flooredShare(reference[bin], n);
    const c = flooredShare(current[bin], m);
    divergence += r * Math.log(r / c);
  }
  return divergence;
}
