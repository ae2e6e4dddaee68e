import {
  drawRowWeights,
  minRows,
  percentileInterval,
  resamplesFor,
  tooFewRows,
} from '../../statistics/bootstrap.ts';
import { seededRandom } from '../../statistics/random.ts';
import { exactSum } from './mean_metric.ts';
import { type Metric, metric } from './metric.ts';

/** The sums of squares that RMSE and R² are computed from, in the target's units squared. */
export interface SquaredErrors {
  count: number;
  /** Σ(predicted − actual)². */
  residual: number;
  /** Σ(actual − mean)². */
  total: number;
  /** Whether every actual value is the same. */
  isConstant: boolean;
  /** Values of both in each bootstrap sample of the rows; undefined for fewer than {@link minRows} rows. */
  resampled: { rmse: Float64Array; r2: Float64Array } | undefined;
}

/**
 * @param actual and errors: finite, one a row
 */
export function squaredErrors(actual: Float64Array, errors: Float64Array): SquaredErrors {
  const count = actual.length;
  const mean = exactSum(actual) / count;
  const squares = errors.map((error) => error * error);
  const deviations = actual.map((value) => value - mean);
  return {
    count,
    residual: exactSum(squares),
    total: exactSum(deviations.map((deviation) => deviation * deviation)),
    isConstant: actual.every((value) => value === actual[0]),
    resampled: count < minRows ? undefined : resample(deviations, squares),
  };
}

/** A value with the percentile interval of its bootstrap samples. */
export function bootstrapped(value: number, samples: Float64Array | undefined): Metric {
  return samples === undefined ? metric(value, null, tooFewRows) : metric(value, percentileInterval(samples));
}

/** @param deviations of the actual values from their mean, so that the sums do not cancel */
function resample(deviations: Float64Array, squares: Float64Array) {
  const random = seededRandom(1);
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
    let total = 0;
    for (let row = 0; row < deviations.length; row++) {
      const weight = weights[row] ?? 0;
      const deviation = deviations[row] ?? 0;
      rows += weight;
      residual += weight * (squares[row] ?? 0);
      sum += weight * deviation;
      total += weight * deviation * deviation;
    }
    rmse[repetition] = Math.sqrt(residual / rows);
    r2[repetition] = 1 - residual / (total - (sum * sum) / rows);
  }
  return { rmse, r2 };
}
