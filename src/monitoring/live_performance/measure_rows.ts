import type { Compared } from '../../prediction_log/outcome_window.ts';
import {
  type ClassificationPerformance,
  type ClassificationRows,
  type ClassProbabilities,
  classificationPerformance,
  type Headline,
  headlines,
  type Metric,
  type RegressionPerformance,
  regressionPerformance,
  taskOfModel,
} from '../performance/index.ts';

/** Predicted and actual values of a version's rows. */
export interface AnsweredRows {
  rows: number;
  compared: Compared;
  /** One column a class, one value a row; NaN where there is none. */
  probabilities: { label: string; values: Float64Array }[];
}

/** The performance on some rows, by the kind of prediction. */
export type Measured =
  | { task: 'classification'; performance: ClassificationPerformance }
  | { task: 'regression'; performance: RegressionPerformance }
  | { task: 'none'; note: string };

const arraysNote =
  'The model answers arrays; performance is measured of classes and single numbers. list_predictions shows the rows.';

/** @param classes the classes that the model knows, seen or not, in its order */
export function measureRows(
  { compared, probabilities }: AnsweredRows,
  classes: readonly string[] | undefined,
): Measured {
  if (compared.kind === 'arrays') return { task: 'none', note: arraysNote };
  if (compared.kind === 'numbers')
    return { task: 'regression', performance: regressionPerformance(compared) };
  const rows = classificationRows(compared, probabilities);
  return { task: 'classification', performance: classificationPerformance(rows, taskOfModel(classes)) };
}

/** Rows in the form that metrics take: labels as text. */
export function classificationRows(
  { classes, predicted, actual }: Extract<Compared, { kind: 'classes' }>,
  probabilities: AnsweredRows['probabilities'],
): ClassificationRows {
  return {
    actual: labelsOf(classes, actual),
    predicted: labelsOf(classes, predicted),
    ...(probabilities.length > 0 && { probabilities: probabilityTable(probabilities, predicted.length) }),
  };
}

export function labelsOf(classes: readonly string[], codes: Int32Array): (string | null)[] {
  return Array.from(codes, (code) => classes[code] ?? null);
}

export function probabilityTable(columns: AnsweredRows['probabilities'], rows: number): ClassProbabilities {
  const width = columns.length;
  const values = new Float64Array(rows * width);
  columns.forEach((column, index) => {
    for (let row = 0; row < rows; row++) values[row * width + index] = column.values[row] ?? Number.NaN;
  });
  return { classes: columns.map(({ label }) => label), values };
}

/** The rows with those numbers, in that order. */
export function pickAnswered({ compared, probabilities }: AnsweredRows, rows: Uint32Array): AnsweredRows {
  const numbers = (values: Float64Array) => Float64Array.from(rows, (row) => values[row] ?? Number.NaN);
  const codes = (values: Int32Array) => Int32Array.from(rows, (row) => values[row] ?? -1);
  const picked = (): Compared => {
    if (compared.kind === 'arrays') return compared;
    if (compared.kind === 'numbers')
      return { kind: 'numbers', predicted: numbers(compared.predicted), actual: numbers(compared.actual) };
    const { classes, predicted, actual } = compared;
    return { kind: 'classes', classes, predicted: codes(predicted), actual: codes(actual) };
  };
  return {
    rows: rows.length,
    compared: picked(),
    probabilities: probabilities.map(({ label, values }) => ({ label, values: numbers(values) })),
  };
}

/** The metrics by name; of a regression in the target's units but for r2. Empty where nothing is measured. */
export function metricsOf(measured: Measured): Record<string, Metric> {
  return measured.task === 'none' ? {} : measured.performance.metrics;
}

/** The one metric that stands for all others in a chart or a verdict. */
export function headlineOf(measured: Measured): Headline | undefined {
  return measured.task === 'none' ? undefined : headlines[measured.task];
}
