import { flooredShare, sum } from './shares.ts';

/**
 * Population stability index Σ(c − r)·ln(c/r) over the bins' shares; 0 for equal shares, never negative.
 *
 * @param reference rows per bin, at least one row
 * @param current rows per bin, same length, at least one row
 */
export function psi(reference: Float64Array, current: Float64Array): number {
  const n = sum(reference);
  const m = sum(current);
  let index = 0;
  for (let bin = 0; bin < reference.length; bin++) {
    const r = flooredShare(reference[bin], n);
    const c = flooredShare(current[bin], m);
    index += (c - r) * Math.log(c / r);
  }
  return index;
}
