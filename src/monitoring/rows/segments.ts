import { quantile } from '../../statistics/quantile.ts';
import { type ComparedColumn, countValues, finiteValues } from './compared_column.ts';

/** How the rows of a column are divided into segments. */
export interface Segmentation {
  names: string[];
  /** The segment of every row of a column of the same kind. */
  assign: (column: ComparedColumn) => Int32Array;
}

/** Segments for rows without a value, and for all categories without a segment of their own. */
const missingSegment = '(missing)';
const otherSegment = '(other)';

const quartileShares = [0.25, 0.5, 0.75];

/**
 * Segments by a column: the most frequent categories of both sides and the rest as {@link otherSegment}, or the
 * ranges between the reference's quartiles, right-closed; {@link missingSegment} where values are missing.
 *
 * @param reference and `current`: the same column, both numeric or neither
 * @param maxSegments categories with a segment of their own
 */
export function segmentBy(
  reference: ComparedColumn,
  current: ComparedColumn,
  maxSegments: number,
): Segmentation {
  const segmentation =
    reference.kind === 'numeric'
      ? segmentNumbers(reference.values)
      : segmentCategories(reference, current, maxSegments);
  const missing = segmentation.names.length;
  const withMissing: Segmentation = {
    names: [...segmentation.names, missingSegment],
    assign: (column) => segmentation.assign(column).map((segment) => (segment < 0 ? missing : segment)),
  };
  const hasMissing = [reference, current].some((column) => segmentation.assign(column).includes(-1));
  return hasMissing ? withMissing : segmentation;
}

function segmentNumbers(reference: Float64Array): Segmentation {
  const sorted = finiteValues(reference).slice().sort();
  const edges =
    sorted.length === 0 ? [] : [...new Set(quartileShares.map((share) => quantile(sorted, share)))];
  const short = edges.map((edge) => String(Number(edge.toPrecision(4))));
  const shown = new Set(short).size === edges.length ? short : edges.map(String);
  const names = Array.from({ length: edges.length + 1 }, (_, segment) => {
    const [low, high] = [shown[segment - 1], shown[segment]];
    if (low === undefined) return high === undefined ? 'all' : `≤ ${high}`;
    return high === undefined ? `> ${low}` : `> ${low} and ≤ ${high}`;
  });
  const segmentOf = (value: number) =>
    Number.isFinite(value) ? edges.filter((edge) => edge < value).length : -1;
  return {
    names,
    assign: (column) =>
      column.kind === 'numeric'
        ? Int32Array.from(column.values, segmentOf)
        : new Int32Array(column.values.length).fill(-1),
  };
}

function segmentCategories(
  reference: ComparedColumn,
  current: ComparedColumn,
  maxSegments: number,
): Segmentation {
  const shares = new Map<string, number>();
  for (const column of [reference, current]) {
    if (column.kind === 'numeric') continue;
    const counts = countValues(column.values);
    // Both sides count equally, however many rows they have.
    for (const [category, rows] of counts) {
      shares.set(category, (shares.get(category) ?? 0) + rows / column.values.length);
    }
  }
  const ranked = [...shares].sort(([a, one], [b, other]) => other - one || (a < b ? -1 : 1));
  const names = ranked.slice(0, maxSegments).map(([category]) => category);
  const segments = new Map(names.map((category, segment) => [category, segment]));
  const other = names.length;
  if (ranked.length > names.length) names.push(otherSegment);
  const segmentOf = (category: string | null) => (category === null ? -1 : (segments.get(category) ?? other));
  return {
    names,
    assign: (column) =>
      column.kind === 'numeric'
        ? new Int32Array(column.values.length).fill(-1)
        : Int32Array.from(column.values, segmentOf),
  };
}
