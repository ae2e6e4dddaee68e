import { chiSquareTail } from './chi_square_distribution.ts';
import { sum } from './shares.ts';

/** Rows a bin must be expected to hold on either side to stay a column of its own. */
export const LEAST_EXPECTED = 5;

export interface ChiSquareTest {
  /** Pearson's χ², no continuity correction. */
  statistic: number;
  degrees: number;
  p_value: number;
  /** Cramér's V = √(χ²/N), 0 … 1. Its highest reachable value shrinks as the two samples differ in size. */
  cramers_v: number;
  /** V of the same two distributions if both samples counted equally: √(χ²·(1/n + 1/m)/4). Equal to V when n = m, never less. */
  balanced_v: number;
}

/**
 * χ² test of homogeneity of the 2×k table of bin counts; scipy.stats.chi2_contingency(correction=False) after pooling.
 *
 * Bins in which the reference's share lets one expect fewer than {@link LEAST_EXPECTED} rows on either side are added into one. The
 * current counts have no say in that: choosing by them pools just the bins that came out low, and with 1000 against 50 rows four
 * stable reports in ten then raise an alarm. If the pooled bin is still too thin, by both sides' counts, it takes in the reference's
 * thinnest other bins until it is not.
 *
 * @returns undefined when fewer than two bins are left: nothing to compare
 */
export function chiSquareTest(reference: Float64Array, current: Float64Array): ChiSquareTest | undefined {
  const n = sum(reference);
  const m = sum(current);
  const columns = poolThinColumns(reference, current);
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

/** The columns [reference rows, current rows] left after pooling, empty ones dropped. */
export function poolThinColumns(reference: Float64Array, current: Float64Array): [number, number][] {
  const n = sum(reference);
  const m = sum(current);
  const leastInReference = LEAST_EXPECTED * Math.max(1, n / m);
  const leastInAll = (LEAST_EXPECTED * (n + m)) / Math.min(n, m);
  const kept: [number, number][] = [];
  const pooled: [number, number] = [0, 0];
  for (let bin = 0; bin < reference.length; bin++) {
    const column: [number, number] = [reference[bin] ?? 0, current[bin] ?? 0];
    if (column[0] >= leastInReference) kept.push(column);
    else addInto(pooled, column);
  }
  if (pooled[0] + pooled[1] === 0) return kept;
  kept.sort((left, right) => right[0] - left[0]);
  while (pooled[0] + pooled[1] < leastInAll) {
    const thinnest = kept.pop();
    if (thinnest === undefined) break;
    addInto(pooled, thinnest);
  }
  return [...kept, pooled];
}

function addInto(pooled: [number, number], column: readonly [number, number]): void {
  pooled[0] += column[0];
  pooled[1] += column[1];
}
