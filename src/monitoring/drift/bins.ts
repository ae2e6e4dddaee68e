import { quantile } from '../../statistics/quantile.ts';
import { upperBound } from '../../statistics/sorted_search.ts';
import type { CategoricalProfile, NumericProfile } from '../reference/profile.ts';
import { countValues } from '../rows/compared_column.ts';

/** Up to this many different reference values a numeric feature has a bin per value instead of deciles. */
export const maxValueBins = 20;

/** Rows per bin on both sides; arrays of the same length. */
export interface BinnedCounts {
  /**
   * `ranges`: between the reference's deciles, ascending. `values`: one per value of either side, those of
   * the reference first; see {@link mergeUnseen}.
   */
  kind: 'ranges' | 'values';
  reference: Float64Array;
  current: Float64Array;
}

/**
 * Counts a numeric feature. More than {@link maxValueBins} different reference values: bins (−∞, e1], (e1,
 * e2] … (ek, ∞) between the reference's deciles. Otherwise a bin per value.
 *
 * @param reference profile with at least one value
 * @param current finite values in any order
 */
export function binNumbers(reference: NumericProfile, current: Float64Array): BinnedCounts {
  if (reference.distinct <= maxValueBins) {
    return binValues(countValues(reference.sorted), countValues(current));
  }
  const edges = decileEdges(reference.sorted);
  return {
    kind: 'ranges',
    reference: countSortedRanges(edges, reference.sorted),
    current: countRanges(edges, current),
  };
}

/** Counts a categorical feature: a bin per category of either side. */
export function binCategories(
  reference: CategoricalProfile,
  current: ReadonlyMap<string, number>,
): BinnedCounts {
  return binValues(reference.counts, current);
}

function binValues<Value>(
  reference: ReadonlyMap<Value, number>,
  current: ReadonlyMap<Value, number>,
): BinnedCounts {
  const values = [...reference.keys()];
  for (const value of current.keys()) if (!reference.has(value)) values.push(value);
  return {
    kind: 'values',
    reference: Float64Array.from(values, (value) => reference.get(value) ?? 0),
    current: Float64Array.from(values, (value) => current.get(value) ?? 0),
  };
}

/**
 * Merges the bins of all values that the reference lacks into one, the last, as the binned distances take them. There
 * is always such a bin.
 */
export function mergeUnseen(reference: Float64Array, current: Float64Array): [Float64Array, Float64Array] {
  const seen = reference.filter((rows) => rows > 0);
  const mergedReference = new Float64Array(seen.length + 1);
  const mergedCurrent = new Float64Array(seen.length + 1);
  mergedReference.set(seen);
  let bin = 0;
  for (let value = 0; value < reference.length; value++) {
    const target = (reference[value] ?? 0) > 0 ? bin++ : seen.length;
    mergedCurrent[target] = (mergedCurrent[target] ?? 0) + (current[value] ?? 0);
  }
  return [mergedReference, mergedCurrent];
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

/** {@link countRanges} of ascending values, by a search for every edge. */
function countSortedRanges(edges: Float64Array, sorted: Float64Array): Float64Array {
  const counts = new Float64Array(edges.length + 1);
  let from = 0;
  for (let bin = 0; bin < edges.length; bin++) {
    const to = upperBound(sorted, edges[bin] ?? 0, from);
    counts[bin] = to - from;
    from = to;
  }
  counts[edges.length] = sorted.length - from;
  return counts;
}

/** The number of edges strictly below a value is the index of its right-closed bin. */
function countRanges(edges: Float64Array, values: Float64Array): Float64Array {
  const counts = new Float64Array(edges.length + 1);
  // A search of four fixed comparisons is twice as fast as a loop over the edges; the rest is filled with infinite
  // edges.
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
  return counts;
}
