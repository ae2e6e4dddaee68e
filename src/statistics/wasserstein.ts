import { powerOfTwoScale } from './power_of_two_scale.ts';

/** The values of two samples merged: where their distribution functions can step, and by how many rows. */
export interface PooledSample {
  /** Ascending; scaled by a power of two so that differences stay finite. */
  positions: Float64Array;
  /** Rows of the reference and of the current sample at each position. */
  reference: Float64Array;
  current: Float64Array;
  /** What the positions were multiplied by. */
  scale: number;
}

/** Merges two ascending samples, each with at least one value. O(n + m). */
export function poolSamples(reference: Float64Array, current: Float64Array): PooledSample {
  const scale = Math.min(powerOfTwoScale(reference), powerOfTwoScale(current));
  const size = reference.length + current.length;
  const positions = new Float64Array(size);
  const fromReference = new Float64Array(size);
  let i = 0;
  let j = 0;
  for (let at = 0; at < size; at++) {
    const r = reference[i] ?? Number.POSITIVE_INFINITY;
    const c = current[j] ?? Number.POSITIVE_INFINITY;
    const takeReference = r <= c;
    positions[at] = (takeReference ? r : c) * scale;
    fromReference[at] = takeReference ? 1 : 0;
    if (takeReference) i++;
    else j++;
  }
  return { positions, reference: fromReference, current: fromReference.map((one) => 1 - one), scale };
}

/**
 * W1, the earth mover's distance ∫|F_reference(x) − F_current(x)| dx, in units of `positions`; equal to
 * scipy.stats.wasserstein_distance.
 *
 * @param positions ascending
 * @param reference rows at each position, at least one row in all
 * @param current likewise
 * @param n rows of the reference in all
 * @param m rows of the current sample in all
 */
export function wassersteinDistance(
  positions: Float64Array,
  reference: Float64Array,
  current: Float64Array,
  n: number,
  m: number,
): number {
  let distance = 0;
  let below = 0;
  let currentBelow = 0;
  for (let at = 0; at + 1 < positions.length; at++) {
    below += reference[at] ?? 0;
    currentBelow += current[at] ?? 0;
    const gap = (positions[at + 1] ?? 0) - (positions[at] ?? 0);
    if (gap > 0) distance += Math.abs(below / n - currentBelow / m) * gap;
  }
  return distance;
}
