import { lowerBound } from './lower_bound.ts';
import type { CategoricalProfile, NumericProfile } from './profile.ts';

/** Up to this many different reference values a numeric feature has a bin per value instead of deciles. */
export const MOST_VALUE_BINS = 20;

/** Rows per bin on both sides; arrays of the same length. */
export interface BinnedCounts {
  reference: Float64Array;
  current: Float64Array;
  /** Current rows whose value has no bin of its own: they are in the last bin. 0 where bins are ranges. */
  unseen: number;
}

/**
 * Counts a numeric feature in the reference's bins.
 *
 * More than {@link MOST_VALUE_BINS} different values: bins (−∞, e1], (e1, e2] … (ek, ∞) between the reference's deciles.
 * Otherwise: a bin per value, ascending, and one for values the reference has not.
 *
 * @param reference profile with at least one value
 * @param current finite values in any order
 */
export function binNumbers(reference: NumericProfile, current: Float64Array): BinnedCounts {
  return reference.distinct > MOST_VALUE_BINS
    ? binRanges(reference.sorted, current)
    : binValues(reference.sorted, current);
}

/** Counts a categorical feature: a bin per reference category, and one for categories the reference has not. */
export function binCategories(
  reference: CategoricalProfile,
  current: ReadonlyMap<string, number>,
): BinnedCounts {
  const counts = emptyCounts(reference.counts.size + 1);
  let bin = 0;
  let matched = 0;
  for (const [category, rows] of reference.counts) {
    const currentRows = current.get(category) ?? 0;
    counts.reference[bin] = rows;
    counts.current[bin] = currentRows;
    matched += currentRows;
    bin++;
  }
  let total = 0;
  for (const rows of current.values()) total += rows;
  counts.unseen = total - matched;
  counts.current[bin] = counts.unseen;
  return counts;
}

/** The inner bin edges: deciles of the sorted values, duplicates removed. */
export function decileEdges(sorted: Float64Array): Float64Array {
  const edges: number[] = [];
  for (let decile = 1; decile <= 9; decile++) {
    const edge = quantile(sorted, decile / 10);
    if (edge !== edges.at(-1)) edges.push(edge);
  }
  return Float64Array.from(edges);
}

/**
 * The type-7 quantile of ascending values, to the last bit as numpy.quantile computes it: interpolated from the nearer
 * neighbour. The last bit matters, because it decides on which side of an edge a tied value falls.
 */
export function quantile(sorted: Float64Array, share: number): number {
  const position = (sorted.length - 1) * share;
  const index = Math.floor(position);
  const fraction = position - index;
  const below = sorted[index] ?? 0;
  const above = sorted[index + 1] ?? below;
  const gap = above - below;
  if (!Number.isFinite(gap)) return below * (1 - fraction) + above * fraction;
  return fraction < 0.5 ? below + gap * fraction : above - gap * (1 - fraction);
}

function binRanges(sorted: Float64Array, current: Float64Array): BinnedCounts {
  const edges = decileEdges(sorted);
  const counts = emptyCounts(edges.length + 1);
  countRanges(edges, sorted, counts.reference);
  countRanges(edges, current, counts.current);
  return counts;
}

/** The number of edges strictly below a value is the index of its right-closed bin. */
function countRanges(edges: Float64Array, values: Float64Array, counts: Float64Array): void {
  // A search of four fixed comparisons is twice as fast as a loop over the edges; infinite edges fill it up.
  const edge = new Float64Array(15).fill(Number.POSITIVE_INFINITY);
  edge.set(edges);
  for (let row = 0; row < values.length; row++) {
    const value = values[row] ?? 0;
    let bin = value > (edge[7] ?? 0) ? 8 : 0;
    if (value > (edge[bin + 3] ?? 0)) bin += 4;
    if (value > (edge[bin + 1] ?? 0)) bin += 2;
    if (value > (edge[bin] ?? 0)) bin += 1;
    counts[bin] = (counts[bin] ?? 0) + 1;
  }
}

function binValues(sorted: Float64Array, current: Float64Array): BinnedCounts {
  const values = sorted.filter((value, index) => value !== sorted[index - 1]);
  const counts = emptyCounts(values.length + 1);
  for (const value of sorted) {
    const bin = lowerBound(values, value);
    counts.reference[bin] = (counts.reference[bin] ?? 0) + 1;
  }
  for (const value of current) {
    const rank = lowerBound(values, value);
    const bin = values[rank] === value ? rank : values.length;
    counts.current[bin] = (counts.current[bin] ?? 0) + 1;
  }
  counts.unseen = counts.current[values.length] ?? 0;
  return counts;
}

function emptyCounts(bins: number): BinnedCounts {
  return { reference: new Float64Array(bins), current: new Float64Array(bins), unseen: 0 };
}
