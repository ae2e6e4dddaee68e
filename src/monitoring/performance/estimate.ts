import { countBelow } from '../../statistics/count_below.ts';
import { applyIsotonic } from '../../statistics/isotonic.ts';
import { exactSum } from './mean_metric.ts';
import type { PerformanceEstimator } from './performance_estimator.ts';
import { type ClassProbabilities, hasShares, positionsOf } from './rows.ts';

/** The band's half width in standard errors, as in NannyML. */
const bandStandardErrors = 3;

/** What a metric probably is. */
export interface Estimate {
  value: number | null;
  /** Sampling error of a window of this size; it does not know of a wrong calibration. */
  standard_error: number | null;
  /** value ± {@link bandStandardErrors}·standard_error within 0 … 1. */
  band: { low: number; high: number; standard_errors: number } | null;
  note?: string;
}

/** Performance of rows whose outcome is not known, as it goes to the wire. */
export interface EstimatedPerformance {
  is_estimate: true;
  method: 'cbpe';
  positive_class: string | null;
  count: number;
  /** Whether probabilities were calibrated on the reference, for any class. */
  calibrated: boolean;
  accuracy: Estimate;
  /** Of the positive class, or the mean over the classes. */
  f1: Estimate;
  roc_auc: Estimate;
  notes: string[];
}

/** Rows without outcomes, in columns of the same length. */
export interface PredictedRows {
  predicted: readonly (string | null)[];
  probabilities: ClassProbabilities;
}

const noSpread = 'The reference shows no spread of it, so its sampling error is unknown.';
const notDefined = 'Not defined: every row is certain, or no class is expected or predicted.';

/**
 * Estimates performance from calibrated probabilities alone: confidence-based performance estimation (CBPE;
 * NannyML, "How it works: performance estimation"). Right as long as the probabilities are calibrated, also after the
 * inputs have shifted; blind to a change of how outcomes follow from inputs. More than two classes are calibrated one
 * by one, which leaves errors that the band does not show: a percent or two where outcomes follow the probabilities, more
 * where they follow the predicted class whatever its probability.
 *
 * accuracy = mean P(predicted class). f1 = TP/(TP + (FP + FN)/2) of the expected counts. roc_auc: over all pairs of
 * rows, the probability that the first is of the class and the second is not, in the order of the model's own scores.
 */
export function estimatePerformance(
  estimator: PerformanceEstimator,
  { predicted, probabilities }: PredictedRows,
): EstimatedPerformance {
  const { classes, positive_class } = estimator;
  const rows = usableRows(estimator, predicted, probabilities);
  const count = rows.predicted.length;
  const shares = calibrate(estimator, rows.values);
  const width = classes.length;
  const asked = positive_class === null ? [...classes.keys()] : [classes.indexOf(positive_class)];
  const column = (values: Float64Array, index: number): Float64Array => {
    const one = new Float64Array(count);
    for (let row = 0; row < count; row++) one[row] = values[row * width + index] ?? 0;
    return one;
  };

  const accuracy =
    exactSum(Float64Array.from(rows.predicted, (said, row) => shares[row * width + said] ?? 0)) / count;
  const f1 = mean(asked.map((index) => expectedF1(rows.predicted, column(shares, index), index)));
  const auc = mean(asked.map((index) => expectedAuc(column(rows.values, index), column(shares, index))));
  const left = predicted.length - count;
  const estimate = (value: number, deviation: number | null) => estimateOf(value, deviation, count);
  return {
    is_estimate: true,
    method: 'cbpe',
    positive_class,
    count,
    calibrated: estimator.calibrators.some((curve) => curve !== null),
    accuracy: estimate(accuracy, estimator.deviations.accuracy),
    f1: estimate(f1, estimator.deviations.f1),
    roc_auc: estimate(auc, estimator.deviations.roc_auc),
    notes: [
      ...(left > 0 ? [`${left} rows without a known predicted class or probabilities were left out.`] : []),
      ...estimator.own_errors.map(
        ({ metric, estimated, actual }) =>
          `This estimate is off: for the reference itself it gives ${metric} ${estimated.toFixed(3)}, where ${actual.toFixed(3)} is true. Expect the same error here, beside the band.`,
      ),
    ],
  };
}

function estimateOf(value: number, deviation: number | null, count: number): Estimate {
  if (count === 0) return { value: null, standard_error: null, band: null, note: 'There are no rows.' };
  if (!Number.isFinite(value)) return { value: null, standard_error: null, band: null, note: notDefined };
  if (deviation === null) return { value, standard_error: null, band: null, note: noSpread };
  const error = deviation / Math.sqrt(count);
  const half = bandStandardErrors * error;
  const band = { low: Math.max(0, value - half), high: Math.min(1, value + half) };
  return { value, standard_error: error, band: { ...band, standard_errors: bandStandardErrors } };
}

/** Probabilities in the estimator's order of classes, and positions of the predicted ones in it. */
interface UsableRows {
  predicted: Int32Array;
  values: Float64Array;
}

function usableRows(
  { classes, positive_class }: PerformanceEstimator,
  predicted: readonly (string | null)[],
  { classes: given, values }: ClassProbabilities,
): UsableRows {
  const position = positionsOf(classes);
  const source = classes.map((label) => given.indexOf(label));
  // Of two classes, the probability of one tells the other's.
  const isOneOfTwo = positive_class !== null && given.length === 1 && source.some((from) => from >= 0);
  const isComplete = isOneOfTwo || source.every((from) => from >= 0);
  const labels: number[] = [];
  const shares: number[] = [];
  for (let row = 0; isComplete && row < predicted.length; row++) {
    const said = position.get(predicted[row] ?? '');
    if (said === undefined || !hasShares(values, row, given.length)) continue;
    labels.push(said);
    for (const from of source)
      shares.push(from >= 0 ? (values[row * given.length + from] ?? 0) : 1 - (values[row] ?? 0));
  }
  return { predicted: Int32Array.from(labels), values: Float64Array.from(shares) };
}

/** Calibrates class by class; of several classes, rows are then scaled to sum to 1. */
function calibrate(
  { classes, calibrators, positive_class }: PerformanceEstimator,
  values: Float64Array,
): Float64Array {
  const width = classes.length;
  const shares = new Float64Array(values.length);
  const apply = (cell: number, index: number): number => {
    const curve = calibrators[index];
    const value = values[cell] ?? 0;
    return curve === null || curve === undefined ? value : applyIsotonic(curve, value);
  };
  const positive = positive_class === null ? -1 : classes.indexOf(positive_class);
  for (let start = 0; start < values.length; start += width) {
    if (positive >= 0) {
      const share = apply(start + positive, positive);
      shares[start] = shares[start + 1] = 1 - share;
      shares[start + positive] = share;
      continue;
    }
    let sum = 0;
    for (let index = 0; index < width; index++) {
      const share = apply(start + index, index);
      shares[start + index] = share;
      sum += share;
    }
    for (let index = 0; index < width; index++)
      shares[start + index] = sum > 0 ? (shares[start + index] ?? 0) / sum : 1 / width;
  }
  return shares;
}

/** Of one class: its probability in every row, and its position among the predicted. 0 where nothing is relevant. */
function expectedF1(predicted: Int32Array, share: Float64Array, index: number): number {
  let hits = 0;
  let relevant = 0;
  for (let row = 0; row < share.length; row++) {
    const isSaid = predicted[row] === index;
    if (isSaid) hits += share[row] ?? 0;
    relevant += (share[row] ?? 0) + (isSaid ? 1 : 0);
  }
  return relevant === 0 ? 0 : (2 * hits) / relevant;
}

/** NaN where the class is certain, or certainly absent, in every row. */
function expectedAuc(score: Float64Array, share: Float64Array): number {
  const sorted = score.slice().sort();
  // Expected rows of the class and of the others, at the first place of their score.
  const hits = new Float64Array(score.length);
  const misses = new Float64Array(score.length);
  score.forEach((value, row) => {
    const place = countBelow(sorted, value, false);
    hits[place] = (hits[place] ?? 0) + (share[row] ?? 0);
    misses[place] = (misses[place] ?? 0) + 1 - (share[row] ?? 0);
  });
  let [positives, negatives, area] = [0, 0, 0];
  hits.forEach((tied, place) => {
    const others = misses[place] ?? 0;
    area += tied * (negatives + others / 2);
    positives += tied;
    negatives += others;
  });
  return area / (positives * negatives);
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
