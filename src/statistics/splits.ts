import type { Random } from './random.ts';
import { lowerBound } from './sorted_search.ts';

/** A split of the pooled rows in two: the rows of one side, ascending; the others are the other side's. */
export type Split = Uint16Array;

/** More rows cannot be numbered in a {@link Split}. */
export const maxSplitRows = 2 ** 16;

/**
 * The observed split, of the first `side` rows from the rest, followed by `permutations` random splits of the same
 * sizes.
 */
export function drawSplits(random: Random, rows: number, side: number, permutations: number): Split[] {
  const splits: Split[] = [Uint16Array.from({ length: side }, (_, row) => row)];
  const shuffled = Uint16Array.from({ length: rows }, (_, row) => row);
  for (let permutation = 0; permutation < permutations; permutation++) {
    for (let position = 0; position < side; position++) {
      const other = position + Math.floor(random() * (rows - position));
      const taken = shuffled[other] ?? 0;
      shuffled[other] = shuffled[position] ?? 0;
      shuffled[position] = taken;
    }
    splits.push(shuffled.slice(0, side).sort());
  }
  return splits;
}

/** Sum of the values at the rows of the split, from the split's position `from` on. */
export function sumAt(values: Float64Array, split: Split, from = 0): number {
  // Four sums at a time, since additions to a single one would wait for each other.
  let first = 0;
  let second = 0;
  let third = 0;
  let fourth = 0;
  let position = from;
  for (; position + 3 < split.length; position += 4) {
    first += values[split[position] ?? 0] ?? 0;
    second += values[split[position + 1] ?? 0] ?? 0;
    third += values[split[position + 2] ?? 0] ?? 0;
    fourth += values[split[position + 3] ?? 0] ?? 0;
  }
  for (; position < split.length; position++) first += values[split[position] ?? 0] ?? 0;
  return first + second + (third + fourth);
}

/**
 * Of every statistic the share of all statistics that are at least as large: for the first one, the observed, the
 * permutation p-value (1 + b) / (1 + B) of Phipson & Smyth (2010), "Permutation p-values should never be zero".
 */
export function sharesAtLeast(statistics: Float64Array): Float64Array {
  const ascending = statistics.toSorted();
  return statistics.map((statistic) => {
    // Splits that are mirror images or differ in tied rows give the same statistic but for rounding.
    const least = statistic - 1e-10 * Math.abs(statistic);
    return (ascending.length - lowerBound(ascending, least)) / ascending.length;
  });
}

/**
 * One p-value of several statistics of the same splits: how often a split has a smallest p as small as the observed
 * one's. Exact whatever their dependence (Westfall & Young 1993, "Resampling-based multiple testing").
 *
 * @param pValues of each statistic, as {@link sharesAtLeast} gives them
 */
export function combinedPValue(pValues: readonly Float64Array[]): number {
  const [one] = pValues;
  if (one === undefined) return 1;
  const smallest = one.map((_, split) => Math.min(...pValues.map((p) => p[split] ?? 1)));
  const observed = smallest[0] ?? 1;
  let asSmall = 0;
  for (const p of smallest) if (p <= observed) asSmall++;
  return asSmall / smallest.length;
}
