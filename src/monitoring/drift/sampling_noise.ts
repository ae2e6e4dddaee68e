import { chiSquareQuantile } from './chi_square_distribution.ts';
import { hypergeometricDraw } from './hypergeometric.ts';
import type { Random } from './random.ts';
import { sum } from './shares.ts';

/** Random splits of the pooled rows behind one quantile. */
const SPLITS = 300;
/** With many bins fewer splits are drawn: at most this many counts in all. */
const MOST_COUNTS = 600_000;
const FEWEST_SPLITS = 60;

/** A distance between two samples counted in the same bins. */
export type CountDistance = (reference: Float64Array, current: Float64Array) => number;

/**
 * What a distance reaches by sampling alone: its upper `level` quantile over random splits of the pooled rows into samples of the
 * two actual sizes (a permutation test on counts).
 *
 * Rare levels lie beyond the splits drawn, so the answer is the larger of the empirical quantile and of the quantile of the
 * gamma distribution with the splits' mean and variance (PSI, KL and JSD are near a scaled χ² under no drift, which is a gamma).
 *
 * @param level probability to be exceeded without drift, e.g. 0.05 / number of features
 */
export function splitQuantile(
  reference: Float64Array,
  current: Float64Array,
  distance: CountDistance,
  level: number,
  random: Random,
): number {
  const pooled = reference.map((rows, bin) => rows + (current[bin] ?? 0));
  const total = sum(pooled);
  const drawn = sum(reference);
  const splits = Math.max(FEWEST_SPLITS, Math.min(SPLITS, Math.floor(MOST_COUNTS / pooled.length)));
  const one = new Float64Array(pooled.length);
  const other = new Float64Array(pooled.length);
  const values = new Float64Array(splits);
  for (let split = 0; split < splits; split++) {
    splitRows(pooled, total, drawn, one, other, random);
    values[split] = distance(one, other);
  }
  return upperQuantile(values.sort(), level);
}

/** Fills `one` with the counts of `drawn` random rows and `other` with the rest. */
function splitRows(
  pooled: Float64Array,
  total: number,
  drawn: number,
  one: Float64Array,
  other: Float64Array,
  random: Random,
): void {
  let rowsLeft = total;
  let drawsLeft = drawn;
  for (let bin = 0; bin < pooled.length; bin++) {
    const rows = pooled[bin] ?? 0;
    const taken = hypergeometricDraw(random, rows, rowsLeft - rows, drawsLeft);
    one[bin] = taken;
    other[bin] = rows - taken;
    rowsLeft -= rows;
    drawsLeft -= taken;
  }
}

function upperQuantile(ascending: Float64Array, level: number): number {
  const count = ascending.length;
  const position = Math.min(count - 1, Math.ceil((1 - level) * (count + 1)) - 1);
  const empirical = ascending[Math.max(0, position)] ?? 0;
  const mean = sum(ascending) / count;
  let squares = 0;
  for (const value of ascending) squares += (value - mean) ** 2;
  const variance = squares / (count - 1);
  if (!(mean > 0 && variance > 0)) return empirical;
  const shape = (mean * mean) / variance;
  return Math.max(empirical, (chiSquareQuantile(level, 2 * shape) * variance) / mean / 2);
}
