import { segmentBy } from '../drift/segments.ts';
import { rowsByGroup } from '../drift/select_rows.ts';
import { toDriftColumn, type WindowColumn } from '../log/window_column.ts';
import {
  type AnsweredRows,
  headlineOf,
  type Measured,
  measureRows,
  metricsOf,
  pickAnswered,
} from './measure_rows.ts';

export interface MeasuredSegment {
  name: string;
  rows: number;
  measured: Measured;
}

/** Categories with a segment of their own; numbers are cut at their quartiles. */
const mostSegments = 12;

/** Measures the rows of each segment of a feature, the worst first. */
export function measureSegments(
  rows: AnsweredRows,
  feature: WindowColumn,
  classes: readonly string[] | undefined,
): MeasuredSegment[] {
  const column = toDriftColumn(feature);
  const { names, assign } = segmentBy(column, column, mostSegments);
  const segments = rowsByGroup(assign(column), names.length).flatMap((own, index): MeasuredSegment[] => {
    if (own.length === 0) return [];
    const measured = measureRows(pickAnswered(rows, own), classes);
    return [{ name: names[index] ?? '', rows: own.length, measured }];
  });
  return segments.sort((a, b) => badness(b.measured) - badness(a.measured));
}

/** Larger is worse, of one kind of answer; what has no value comes last. */
function badness(measured: Measured): number {
  const headline = headlineOf(measured);
  const value = headline === undefined ? undefined : metricsOf(measured)[headline]?.value;
  if (value === null || value === undefined) return Number.NEGATIVE_INFINITY;
  return headline === 'accuracy' ? -value : value;
}
