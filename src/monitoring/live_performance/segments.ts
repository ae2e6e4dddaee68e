import type { Column } from '../../tables/column.ts';
import { isHigherBetter } from '../performance/index.ts';
import { comparedColumn } from '../rows/compared_column.ts';
import { segmentBy } from '../rows/segments.ts';
import { rowsByGroup } from '../rows/select_rows.ts';
import {
  type AnsweredRows,
  headlineOf,
  type Measured,
  measureRows,
  metricsOf,
  pickAnswered,
} from './measure_rows.ts';
import { type SegmentDrop, type SegmentSide, segmentDrops } from './segment_drops.ts';

export interface MeasuredSegment {
  name: string;
  rows: number;
  measured: Measured;
  /** The same segment of the reference; undefined where it has no rows. */
  reference: { rows: number; measured: Measured } | undefined;
  /** What was judged against the reference. */
  drops: SegmentDrop[];
}

/** Rows and the feature by which they are told apart. */
export interface SegmentedRows {
  rows: AnsweredRows;
  feature: Column;
}

/** Categories with a segment of their own; numbers are cut at their quartiles, the reference's where there is one. */
const maxSegments = 12;

/**
 * Measures the rows of each segment of a feature, the worst first, beside the same segment of the reference.
 * @param reference its feature is of the same kind
 * @param classes the classes that the model knows, in its order
 * @param threshold what is a drop, as a share of the reference's value
 */
export function measureSegments(
  current: SegmentedRows,
  reference: SegmentedRows | undefined,
  classes: readonly string[] | undefined,
  threshold: number,
): MeasuredSegment[] {
  const column = comparedColumn(current.feature);
  const before = reference && comparedColumn(reference.feature);
  const { names, assign } = segmentBy(before ?? column, column, maxSegments);
  const sidesOf = (rows: AnsweredRows, segments: Int32Array) =>
    rowsByGroup(segments, names.length).map((own): SegmentSide | undefined => {
      if (own.length === 0) return undefined;
      const picked = pickAnswered(rows, own);
      return { rows: picked, measured: measureRows(picked, classes) };
    });
  const now = sidesOf(current.rows, assign(column));
  const old = reference && before ? sidesOf(reference.rows, assign(before)) : [];
  const pairs = now.flatMap((side, index) =>
    side === undefined ? [] : [{ name: names[index] ?? '', current: side, reference: old[index] }],
  );
  const drops = segmentDrops(pairs, threshold);
  return pairs
    .map(({ name, current: own, reference: same }, index) => ({
      name,
      rows: own.rows.rows,
      measured: own.measured,
      reference: same && { rows: same.rows.rows, measured: same.measured },
      drops: drops[index] ?? [],
    }))
    .sort((a, b) => badness(b.measured) - badness(a.measured));
}

/** The order of segments: larger is worse; a segment without a value comes last. */
function badness(measured: Measured): number {
  const headline = headlineOf(measured);
  if (headline === undefined) return Number.NEGATIVE_INFINITY;
  const { value = null } = metricsOf(measured)[headline] ?? {};
  if (value === null) return Number.NEGATIVE_INFINITY;
  return isHigherBetter(headline) ? -value : value;
}
