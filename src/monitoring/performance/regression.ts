import { seededRandom } from '../drift/random.ts';
import { drawRowWeights, FEWEST_ROWS, percentileInterval, resamplesFor, TOO_FEW_ROWS } from './bootstrap.ts';
import { exactSum, meanMetric } from './mean_metric.ts';
import { medianMetric } from './median_error.ts';
import { type Metric, metric, noMetric } from './metric.ts';

/** Rows of a regression in columns of the same length. A row in which either is not finite is left out. */
export interface RegressionRows {
  actual: Float64Array;
  predicted: Float64Array;
}

/** How a regression did, as it goes to the wire; in the target's units but for r2. */
export interface RegressionPerformance {
  /** Rows with both an actual and a predicted value. */
  count: number;
  /** Mean absolute error. */
  mae: Metric;
  /** Root of the mean squared error. */
  rmse: Metric;
  /** 1 − Σ(actual − predicted)²/Σ(actual − mean)²; 1 at best, below 0 worse than always saying the mean. */
  r2: Metric;
  /** Mean of predicted − actual: above 0 the model says too much. */
  bias: Metric;
  median_absolute_error: Metric;
  notes: string[];
}

const ANY = { least: Number.NEGATIVE_INFINITY, most: Number.POSITIVE_INFINITY };
const NO_ROWS = 'There are no rows.';
const CONSTANT = 'Every actual value is the same: there is nothing to explain.';

/** Measures a regression on rows whose outcome is known. Anything that is not defined is null with a note. */
export function regressionPerformance(
  rows: RegressionRows,
  { seed = 1 }: { seed?: number | undefined } = {},
): RegressionPerformance {
  const isComplete = (value: number, row: number, other: Float64Array) =>
    Number.isFinite(value) && Number.isFinite(other[row]);
  const actual = rows.actual.filter((value, row) => isComplete(value, row, rows.predicted));
  const predicted = rows.predicted.filter((value, row) => isComplete(value, row, rows.actual));
  const errors = predicted.map((value, row) => value - (actual[row] ?? 0));
  const sizes = errors.map(Math.abs);
  const left = rows.actual.length - actual.length;
  return {
    count: actual.length,
    mae: meanMetric(sizes, { ...ANY, least: 0 }),
    ...squaredMetrics(actual, errors, seed),
    bias: meanMetric(errors, ANY),
    median_absolute_error: medianMetric(sizes),
    notes: left > 0 ? [`${left} rows without an actual or a predicted value were left out.`] : [],
  };
}

/** RMSE and R² (scikit-learn's `root_mean_squared_error` and `r2_score`) with a bootstrap over the rows. */
function squaredMetrics(
  actual: Float64Array,
  errors: Float64Array,
  seed: number,
): { rmse: Metric; r2: Metric } {
  const count = actual.length;
  if (count === 0) return { rmse: noMetric(NO_ROWS), r2: noMetric(NO_ROWS) };
  const mean = exactSum(actual) / count;
  const squaredErrors = errors.map((error) => error * error);
  const deviations = actual.map((value) => value - mean);
  const residual = exactSum(squaredErrors);
  const total = exactSum(deviations.map((deviation) => deviation * deviation));
  const rmse = Math.sqrt(residual / count);
  const isConstant = actual.every((value) => value === actual[0]);
  const r2 = 1 - residual / total;
  if (count < FEWEST_ROWS) {
    return {
      rmse: metric(rmse, null, TOO_FEW_ROWS),
      r2: isConstant ? noMetric(CONSTANT) : metric(r2, null, TOO_FEW_ROWS),
    };
  }
  const resampled = resampleSquares(deviations, squaredErrors, seed);
  return {
    rmse: metric(rmse, percentileInterval(resampled.rmse)),
    r2: isConstant ? noMetric(CONSTANT) : metric(r2, percentileInterval(resampled.r2)),
  };
}

/** @param deviations of the actual values from their mean, so that the sums do not cancel */
function resampleSquares(deviations: Float64Array, squaredErrors: Float64Array, seed: number) {
  const random = seededRandom(seed);
  const repetitions = resamplesFor(deviations.length);
  const rmse = new Float64Array(repetitions);
  const r2 = new Float64Array(repetitions);
  // One more, because weights are drawn in pairs.
  const weights = new Uint8Array(deviations.length + 1);
  for (let repetition = 0; repetition < repetitions; repetition++) {
    drawRowWeights(random, weights);
    let rows = 0;
    let residual = 0;
    let sum = 0;
    let squares = 0;
    for (let row = 0; row < deviations.length; row++) {
      const weight = weights[row] ?? 0;
      const deviation = deviations[row] ?? 0;
      rows += weight;
      residual += weight * (squaredErrors[row] ?? 0);
      sum += weight * deviation;
      squares += weight * deviation * deviation;
    }
    rmse[repetition] = Math.sqrt(residual / rows);
    r2[repetition] = 1 - residual / (squares - (sum * sum) / rows);
  }
  return { rmse, r2 };
}
