import type { Metric } from './metric.ts';
import { measureNumbers } from './metrics/index.ts';
import { squaredErrors } from './squared_errors.ts';

/** Rows of a regression in columns of the same length. A row in which either is not finite is left out. */
export interface RegressionRows {
  actual: Float64Array;
  predicted: Float64Array;
}

/** How a regression did. */
export interface RegressionPerformance {
  /** Rows with both an actual and a predicted value. */
  count: number;
  /** By name, in the order of answers. */
  metrics: Record<string, Metric>;
  notes: string[];
}

/** Measures a regression on rows whose actual value is known. A metric that is not defined is null with a note. */
export function regressionPerformance(rows: RegressionRows): RegressionPerformance {
  const isComplete = (value: number, row: number, other: Float64Array) =>
    Number.isFinite(value) && Number.isFinite(other[row]);
  const actual = rows.actual.filter((value, row) => isComplete(value, row, rows.predicted));
  const predicted = rows.predicted.filter((value, row) => isComplete(value, row, rows.actual));
  const errors = predicted.map((value, row) => value - (actual[row] ?? 0));
  const left = rows.actual.length - actual.length;
  return {
    count: actual.length,
    metrics: measureNumbers({
      errors,
      absoluteErrors: errors.map(Math.abs),
      squared: squaredErrors(actual, errors),
    }),
    notes: left > 0 ? [`${left} rows without an actual or a predicted value were left out.`] : [],
  };
}
