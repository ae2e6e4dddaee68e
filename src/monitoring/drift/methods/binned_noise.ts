import { splitRows } from '../../../statistics/hypergeometric.ts';
import { drawPredictiveCounts } from '../../../statistics/predictive_counts.ts';
import type { Random } from '../../../statistics/random.ts';
import { sum } from '../../../statistics/shares.ts';
import type { BinnedCounts } from '../bins.ts';

/** A distance of two samples counted in the same bins: rows per bin of the reference and of the current sample. */
export type CountDistance = (reference: Float64Array, current: Float64Array) => number;

/**
 * Simulates the distance of two samples of one source. Values: all rows are split at random, and the values that the
 * reference then lacks are merged again, so that rare categories, of which every sample has its own, raise no alarm.
 * Ranges: the reference stays as it is, and a current sample is drawn from its predictive distribution.
 */
export function simulatedDistance(
  { kind, reference, current }: BinnedCounts,
  distance: CountDistance,
  random: Random,
): () => number {
  const other = new Float64Array(current.length);
  if (kind === 'ranges') {
    const rows = sum(current);
    return () => {
      drawPredictiveCounts(random, reference, rows, other);
      return distance(reference, other);
    };
  }
  const pooled = reference.map((rows, bin) => rows + (current[bin] ?? 0));
  const draws = sum(reference);
  const one = new Float64Array(reference.length);
  return () => {
    splitRows(random, pooled, draws, one, other);
    return distance(one, other);
  };
}
