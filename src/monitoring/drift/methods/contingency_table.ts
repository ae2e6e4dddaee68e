import { chiSquareTail } from '../../../statistics/chi_square_distribution.ts';
import { sum } from '../../../statistics/shares.ts';
import type { BinnedCounts } from '../bins.ts';

/** Rows that a column of the table must be expected to hold on either side; bins with fewer are pooled. */
const minExpected = 5;

/** One column of the 2×k table: rows of the reference, rows of the current sample. */
type TableColumn = [reference: number, current: number];

export interface ChiSquareTest {
  /** Pearson's χ², no continuity correction. */
  statistic: number;
  degrees: number;
  p_value: number;
  /** Cramér's V = √(χ²/N), 0 … 1. Its highest reachable value shrinks as the two samples differ in size. */
  cramers_v: number;
  /**
   * V of the same two distributions if both samples counted equally: √(χ²·(1/n + 1/m)/4). Equal to V when n =
   * m, never less.
   */
  balanced_v: number;
}

/**
 * χ² test of homogeneity of the 2×k table of bin counts; scipy.stats.chi2_contingency(correction=False) after
 * pooling.
 *
 * @returns undefined when fewer than two columns are left: nothing to compare
 */
export function chiSquareTest(bins: BinnedCounts): ChiSquareTest | undefined {
  const n = sum(bins.reference);
  const m = sum(bins.current);
  const columns = bins.kind === 'values' ? poolThinValues(bins) : mergeThinRanges(bins);
  if (columns.length < 2) return undefined;
  let statistic = 0;
  for (const [r, c] of columns) {
    const total = r + c;
    // (r − e)² is the same on both sides of a column, so the two cells are one term.
    const deviation = r / n - c / m;
    statistic += (deviation * deviation * n * m) / total;
  }
  const degrees = columns.length - 1;
  return {
    statistic,
    degrees,
    p_value: chiSquareTail(statistic, degrees),
    cramers_v: Math.min(1, Math.sqrt(statistic / (n + m))),
    balanced_v: Math.min(1, Math.sqrt((statistic * (1 / n + 1 / m)) / 4)),
  };
}

/**
 * Adds all values expected, by both sides together, in fewer than {@link minExpected} rows on either side
 * into one column. If that one is still too thin, it takes in the rarest other values until it is not.
 */
export function poolThinValues({ reference, current }: BinnedCounts): TableColumn[] {
  const n = sum(reference);
  const m = sum(current);
  const least = (minExpected * (n + m)) / Math.min(n, m);
  const kept: TableColumn[] = [];
  const pooled: TableColumn = [0, 0];
  for (let bin = 0; bin < reference.length; bin++) {
    const column: TableColumn = [reference[bin] ?? 0, current[bin] ?? 0];
    if (column[0] + column[1] >= least) kept.push(column);
    else addInto(pooled, column);
  }
  if (pooled[0] + pooled[1] === 0) return kept;
  kept.sort((left, right) => right[0] + right[1] - left[0] - left[1]);
  while (pooled[0] + pooled[1] < least) {
    const rarest = kept.pop();
    if (rarest === undefined) break;
    addInto(pooled, rarest);
  }
  return [...kept, pooled];
}

/**
 * Merges neighbouring ranges until the reference's share lets one expect {@link minExpected} rows on
 * either side of each. The current counts must have no say here: the reference's are fixed, being deciles, so
 * that choosing by the sum would pool just the ranges that came out low (with 1000 against 50 rows, four
 * stable reports in ten then raise an alarm).
 */
export function mergeThinRanges({ reference, current }: BinnedCounts): TableColumn[] {
  const least = minExpected * Math.max(1, sum(reference) / sum(current));
  const columns: TableColumn[] = [];
  let open: TableColumn = [0, 0];
  for (let bin = 0; bin < reference.length; bin++) {
    addInto(open, [reference[bin] ?? 0, current[bin] ?? 0]);
    if (open[0] < least) continue;
    columns.push(open);
    open = [0, 0];
  }
  const last = columns.at(-1);
  if (last === undefined) return [open];
  addInto(last, open);
  return columns;
}

function addInto(target: TableColumn, column: TableColumn): void {
  target[0] += column[0];
  target[1] += column[1];
}
