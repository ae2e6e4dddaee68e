import type { Compared } from '../outcomes/outcome_window.ts';
import {
  type Calibration,
  type ClassificationPerformance,
  type ClassificationRows,
  type ClassProbabilities,
  classificationPerformance,
  type Metric,
  measureCalibration,
  type RegressionPerformance,
  regressionPerformance,
  taskOfModel,
} from '../performance/index.ts';

/** What a version answered, beside what really was. */
export interface AnsweredRows {
  rows: number;
  compared: Compared;
  /** One column a class, as long as there are rows; NaN where there is none. */
  probabilities: { label: string; values: Float64Array }[];
}

/** How well rows were answered, by the kind of answer. */
export type Measured =
  | {
      task: 'classification';
      performance: ClassificationPerformance;
      /** Of the positive class, or of more classes of the predicted one; null without probabilities. */
      calibration: Calibration | null;
    }
  | { task: 'regression'; performance: RegressionPerformance }
  | { task: 'none'; note: string };

const arraysNote =
  'The model answers arrays; performance is measured of classes and single numbers. list_predictions shows the rows.';

/** @param classes the classes that the model knows, seen or not, in its order. */
export function measureRows(
  { compared, probabilities }: AnsweredRows,
  classes: readonly string[] | undefined,
): Measured {
  if (compared.kind === 'arrays') return { task: 'none', note: arraysNote };
  if (compared.kind === 'numbers')
    return { task: 'regression', performance: regressionPerformance(compared) };
  const rows = classificationRows(compared, probabilities);
  const performance = classificationPerformance(rows, taskOfModel(classes));
  return { task: 'classification', performance, calibration: calibrationOf(rows, performance) };
}

/** Rows as the metrics take them: labels as text. */
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

function calibrationOf(
  { actual, predicted, probabilities }: ClassificationRows,
  { positive_class }: ClassificationPerformance,
): Calibration | null {
  if (probabilities === undefined) return null;
  const { classes, values } = probabilities;
  const width = classes.length;
  const positions = new Map(classes.map((label, index) => [label, index]));
  const shares = new Float64Array(actual.length).fill(Number.NaN);
  const outcomes = new Uint8Array(actual.length);
  for (let row = 0; row < actual.length; row++) {
    const [truth, said] = [actual[row] ?? null, predicted[row] ?? null];
    const asked = positive_class ?? said;
    if (truth === null || asked === null) continue;
    const position = positions.get(asked);
    // A single column is the probability of one of two classes; the other's is the rest.
    if (position !== undefined) shares[row] = values[row * width + position] ?? Number.NaN;
    else if (width === 1) shares[row] = 1 - (values[row] ?? Number.NaN);
    outcomes[row] = truth === asked ? 1 : 0;
  }
  const calibration = measureCalibration(shares, outcomes);
  return calibration.count === 0 ? null : calibration;
}

/** The rows of those numbers, in their order. */
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

/** The metrics of an answer, by name; of a regression in the target's units but for r2. */
export function metricsOf(measured: Measured): Record<string, Metric> {
  if (measured.task === 'none') return {};
  if (measured.task === 'regression') {
    const { mae, rmse, r2, bias, median_absolute_error } = measured.performance;
    return { mae, rmse, r2, bias, median_absolute_error };
  }
  const { accuracy, precision, recall, f1, log_loss, brier, roc_auc } = measured.performance;
  const error = measured.calibration?.equal_width?.expected_calibration_error;
  return {
    accuracy,
    precision,
    recall,
    f1,
    log_loss,
    brier,
    roc_auc,
    ...(error !== undefined && { calibration_error: { value: error, interval: null } }),
  };
}

/** The one metric that stands for all others in a picture or a verdict. */
export function headlineOf(measured: Measured): 'accuracy' | 'mae' | undefined {
  if (measured.task === 'none') return undefined;
  return measured.task === 'classification' ? 'accuracy' : 'mae';
}
