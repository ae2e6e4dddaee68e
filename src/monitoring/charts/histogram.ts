import { quantile } from '../../statistics/quantile.ts';
import type { Random } from '../../statistics/random.ts';

/** Most bars of a categorical histogram, including the one for all other categories. */
const maxCategories = 6;

/** Bins between the ends of a numeric histogram. */
const binCount = 20;

/** Size of the sample from which quantiles are taken where there are more values. */
const sampleSize = 20_000;

/** The share of the reference's values that lies beyond each end. */
const tailShare = 0.01;

/** The shares of one side's values. All are 0 where there are no values. */
interface Side {
  /** Number of values that are not missing, of which the others are shares. */
  count: number;
  /** Share in each bin, or of each category. */
  shares: Float64Array;
}

interface NumericSide extends Side {
  /** Shares below the first edge and above the last, which are in no bin. */
  below: number;
  above: number;
}

/** Two samples of numbers in the same bins. */
export interface NumericHistogram {
  kind: 'numeric';
  /** Ascending, one more than bins: [e0, e1), … [e(k−1), ek]. */
  edges: Float64Array;
  reference: NumericSide;
  current: NumericSide;
}

/** Two samples of texts by category, the most frequent first. */
export interface CategoricalHistogram {
  kind: 'categorical';
  categories: string[];
  /** How many more categories are in `other`. */
  otherCategories: number;
  /** Shares by category; where there are other categories, one more for all of them. */
  reference: Side;
  current: Side;
}

export type Histogram = NumericHistogram | CategoricalHistogram;

/**
 * Counts two samples of one numeric feature in bins of equal width between the reference's 1 % and 99 % quantiles
 * (type 7); values beyond them are counted separately, so that one outlier does not squeeze all others into one bin. A
 * reference of whole numbers alone gets bins of whole numbers. Takes one pass over each sample and copies neither.
 *
 * @param sortedReference finite values, ascending; empty ones take the range from the current ones
 * @param current in any order; NaN and ±Infinity are missing
 */
export function numericHistogram(sortedReference: Float64Array, current: Float64Array): NumericHistogram {
  const edges = binEdges(sortedReference.length > 0 ? rangeOf(sortedReference) : extentOf(current));
  return {
    kind: 'numeric',
    edges,
    reference: countInto(edges, sortedReference),
    current: countInto(edges, current),
  };
}

interface Range {
  low: number;
  high: number;
  whole: boolean;
}

function rangeOf(sorted: Float64Array): Range {
  const whole = sorted.every(Number.isInteger) && Math.max(-(sorted[0] ?? 0), sorted.at(-1) ?? 0) < 2 ** 50;
  const low = quantile(sorted, tailShare);
  const high = quantile(sorted, 1 - tailShare);
  return whole ? { low: Math.floor(low), high: Math.ceil(high), whole } : { low, high, whole };
}

function extentOf(values: Float64Array): Range {
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (const value of values) {
    if (!Number.isFinite(value)) continue;
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return low <= high ? { low, high, whole: false } : { low: 0, high: 1, whole: false };
}

function binEdges({ low, high, whole }: Range): Float64Array {
  // Halves, because high − low may overflow.
  const span = high / 2 - low / 2;
  if (whole) {
    const step = Math.max(1, Math.ceil((2 * span + 1) / binCount));
    const bins = Math.ceil((2 * span + 1) / step);
    return Float64Array.from({ length: bins + 1 }, (_, edge) => low - 0.5 + edge * step);
  }
  if (!(span > 0)) {
    // All values are equal: one bin around them, wide enough for its edges to differ.
    const reach = low === 0 ? 0.5 : Math.max(Math.abs(low) * 0.05, Number.MIN_VALUE);
    return Float64Array.of(Math.max(low - reach, -Number.MAX_VALUE), Math.min(low + reach, Number.MAX_VALUE));
  }
  // Counted from the nearer end, so that no intermediate result overflows.
  return Float64Array.from({ length: binCount + 1 }, (_, edge) =>
    2 * edge <= binCount
      ? low + span * ((2 * edge) / binCount)
      : high - span * ((2 * (binCount - edge)) / binCount),
  );
}

/**
 * Shares of the finite values per bin. The bin is computed rather than searched for, since all bins are equally wide,
 * and then checked against its edges, since both were rounded.
 */
function countInto(edges: Float64Array, values: Float64Array): NumericSide {
  const bins = edges.length - 1;
  const low = edges[0] ?? 0;
  const high = edges[bins] ?? 0;
  const perValue = bins / (high / 2 - low / 2);
  const shares = new Float64Array(bins);
  let count = 0;
  let below = 0;
  let above = 0;
  for (let row = 0; row < values.length; row++) {
    const value = values[row] ?? Number.NaN;
    if (!Number.isFinite(value)) continue;
    count++;
    if (value < low) below++;
    else if (value > high) above++;
    else {
      const position = Math.floor((value / 2 - low / 2) * perValue);
      let bin = position < bins ? position : bins - 1;
      if (value < (edges[bin] ?? 0)) bin--;
      else if (bin < bins - 1 && value >= (edges[bin + 1] ?? 0)) bin++;
      shares[bin] = (shares[bin] ?? 0) + 1;
    }
  }
  const whole = Math.max(1, count);
  for (let bin = 0; bin < bins; bin++) shares[bin] = (shares[bin] ?? 0) / whole;
  return { count, shares, below: below / whole, above: above / whole };
}

/**
 * The finite values, ascending: all of them up to {@link sampleSize}, otherwise as many drawn with replacement. Their
 * quantiles are precise enough for the ends of an axis, without a sorted copy of a million values.
 */
export function sortedSample(values: Float64Array, random: Random): Float64Array {
  const sample = new Float64Array(Math.min(values.length, sampleSize));
  let taken = 0;
  if (values.length <= sampleSize) {
    for (const value of values) if (Number.isFinite(value)) sample[taken++] = value;
  } else {
    for (let draw = 0; draw < sampleSize; draw++) {
      const value = values[Math.floor(random() * values.length)] ?? Number.NaN;
      if (Number.isFinite(value)) sample[taken++] = value;
    }
  }
  return sample.subarray(0, taken).sort();
}

/**
 * Counts two samples of one categorical feature: its most frequent categories, by the mean of both shares, and all
 * others together. Categories of the same frequency are in the order of their names.
 *
 * @param reference rows per category
 * @param current rows per category
 */
export function categoricalHistogram(
  reference: ReadonlyMap<string, number>,
  current: ReadonlyMap<string, number>,
): CategoricalHistogram {
  const referenceRows = total(reference);
  const currentRows = total(current);
  const weightOf = (category: string) =>
    (reference.get(category) ?? 0) / Math.max(1, referenceRows) +
    (current.get(category) ?? 0) / Math.max(1, currentRows);
  const ranked = [...new Set([...reference.keys(), ...current.keys()])]
    .map((category) => ({ category, weight: weightOf(category) }))
    .sort((one, other) => other.weight - one.weight || (one.category < other.category ? -1 : 1))
    .map(({ category }) => category);
  const shown = ranked.length <= maxCategories ? ranked.length : maxCategories - 1;
  const categories = ranked.slice(0, shown);
  const sideOf = (counts: ReadonlyMap<string, number>, count: number): Side => {
    const rows = categories.map((category) => counts.get(category) ?? 0);
    if (shown < ranked.length) rows.push(count - rows.reduce((sum, some) => sum + some, 0));
    return { count, shares: Float64Array.from(rows, (some) => some / Math.max(1, count)) };
  };
  return {
    kind: 'categorical',
    categories,
    otherCategories: ranked.length - shown,
    reference: sideOf(reference, referenceRows),
    current: sideOf(current, currentRows),
  };
}

function total(counts: ReadonlyMap<string, number>): number {
  let rows = 0;
  for (const some of counts.values()) rows += some;
  return rows;
}
