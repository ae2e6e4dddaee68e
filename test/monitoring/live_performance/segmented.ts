import type { SegmentedRows } from '../../../src/monitoring/live_performance/segments.ts';
import { seededRandom } from '../../../src/statistics/random.ts';
import type { Column } from '../../../src/tables/column.ts';

/** The segment of every row, each as likely as the others. */
function segmentColumn(
  names: readonly string[],
  rows: number,
  uniform: () => number,
): Column & { codes: Int32Array } {
  const codes = Int32Array.from({ length: rows }, () => Math.floor(uniform() * names.length));
  return { name: 'region', kind: 'categorical', categories: [...names], codes };
}

/**
 * Rows of the classes no and yes, answered rightly with the share of their segment.
 * @param missed of the rows that are yes, the share that is answered no besides
 */
export function classesOfSegments(
  seed: number,
  rows: number,
  shares: Readonly<Record<string, number>>,
  { yes = 0.5, missed = 0 } = {},
): SegmentedRows {
  const uniform = seededRandom(seed);
  const names = Object.keys(shares);
  const feature = segmentColumn(names, rows, uniform);
  const actual = Int32Array.from({ length: rows }, () => Number(uniform() < yes));
  const predicted = actual.map((code, row) => {
    const isRight = uniform() < (shares[names[feature.codes[row] ?? 0] ?? ''] ?? 0);
    return code === 1 && uniform() < missed ? 0 : isRight ? code : 1 - code;
  });
  const compared = { kind: 'classes' as const, classes: ['no', 'yes'], predicted, actual };
  return { rows: { rows, compared, probabilities: [] }, feature };
}

/** Rows of numbers, wrong by exponential errors of the mean of their segment, to either side. */
export function errorsOfSegments(
  seed: number,
  rows: number,
  means: Readonly<Record<string, number>>,
): SegmentedRows {
  const uniform = seededRandom(seed);
  const names = Object.keys(means);
  const feature = segmentColumn(names, rows, uniform);
  const actual = Float64Array.from({ length: rows }, () => 100 * uniform());
  const predicted = actual.map((value, row) => {
    const mean = means[names[feature.codes[row] ?? 0] ?? ''] ?? 0;
    return value + (uniform() < 0.5 ? -1 : 1) * -mean * Math.log(1 - uniform());
  });
  return { rows: { rows, compared: { kind: 'numbers', predicted, actual }, probabilities: [] }, feature };
}
