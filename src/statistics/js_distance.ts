import { sum } from './shares.ts';

/**
 * Jensen-Shannon distance: the square root of the Jensen-Shannon divergence in bits, 0 … 1; equal to
 * scipy.spatial.distance.jensenshannon(r, c, base=2). Empty bins stay empty.
 *
 * @param reference rows per bin, at least one row
 * @param current rows per bin, same length, at least one row
 */
export function jsDistance(reference: Float64Array, current: Float64Array): number {
  const n = sum(reference);
  const m = sum(current);
  let divergence = 0;
  for (let bin = 0; bin < reference.length; bin++) {
    const r = (reference[bin] ?? 0) / n;
    const c = (current[bin] ?? 0) / m;
    const middle = (r + c) / 2;
    if (r > 0) divergence += r * Math.log(r / middle);
    if (c > 0) divergence += c * Math.log(c / middle);
  }
  return Math.sqrt(Math.min(1, Math.max(0, divergence / (2 * Math.LN2))));
}
