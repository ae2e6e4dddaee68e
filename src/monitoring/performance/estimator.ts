import { type Random, seededRandom } from '../../statistics/random.ts';
import { randomRows } from '../../statistics/random_rows.ts';
import { meanAucError, type RocAuc, rocAuc } from '../../statistics/roc_auc.ts';
import { fitCalibrator } from './calibrator.ts';
import { classScores, withBothClasses } from './class_probabilities.ts';
import { type ConfusionCells, countConfusion } from './confusion.ts';
import { f1Deviation } from './f1_error.ts';
import { ownErrors } from './own_errors.ts';
import type { PerformanceEstimator } from './performance_estimator.ts';
import { type ClassificationRows, encodeRows, type ScoredRows, scoredRows } from './rows.ts';
import { rowsOfNeither, type TaskOptions, taskOf } from './task.ts';

/** Rows × classes that are learned from; of more rows, a random draw. */
const maxCells = 400_000;
/** Rows of a reference below which nothing is estimated from it. */
const minReferenceRows = 100;

/**
 * Learns from reference rows with outcomes how to estimate performance without them (confidence-based performance
 * estimation, NannyML).
 *
 * @returns the estimator, or why there is none
 */
export function fitEstimator(
  reference: ClassificationRows,
  options: TaskOptions = {},
): { estimator: PerformanceEstimator } | { estimator: null; note: string } {
  const random = seededRandom(1);
  const encoded = encodeRows(reference);
  const known = [...(options.classes ?? []), ...(reference.probabilities?.classes ?? [])];
  const task = taskOf(encoded.labels, { ...options, classes: known });
  const rows = thinned(withBothClasses(scoredRows(encoded, reference.probabilities), task), random);
  const count = rows.actual.length;
  if (count < minReferenceRows) {
    const note = `The reference has ${count} rows with probabilities and outcomes; ${minReferenceRows} are needed.`;
    return { estimator: null, note };
  }
  if (rowsOfNeither(encoded, task) > 0 || rows.actual.some((label) => label < 0))
    return { estimator: null, note: 'The reference has classes that the model gives no probability for.' };

  const indexes = task.kind === 'binary' ? [rows.classes.indexOf(task.positive)] : [...rows.classes.keys()];
  const calibrators = rows.classes.map((_, index) => {
    if (!indexes.includes(index)) return null;
    const { probability, actual } = classScores(rows, index);
    return fitCalibrator(probability, actual, random);
  });
  const estimator: PerformanceEstimator = {
    positive_class: task.kind === 'binary' ? task.positive : null,
    classes: [...rows.classes],
    calibrators,
    reference_rows: count,
    deviations: deviationsOf(rows, indexes),
    own_errors: [],
  };
  return { estimator: { ...estimator, own_errors: ownErrors(estimator, rows) } };
}

/** A random draw of rows where there are more than are needed. */
function thinned(rows: ScoredRows, random: Random): ScoredRows {
  const width = rows.classes.length;
  const most = Math.floor(maxCells / Math.max(1, width));
  if (rows.actual.length <= most) return rows;
  const chosen = randomRows(random, rows.actual.length, most);
  const pick = (labels: Int32Array) => Int32Array.from(chosen, (row) => labels[row] ?? -1);
  const values = new Float64Array(most * width);
  chosen.forEach((row, place) => {
    values.set(rows.values.subarray(row * width, (row + 1) * width), place * width);
  });
  return { classes: rows.classes, values, actual: pick(rows.actual), predicted: pick(rows.predicted) };
}

function deviationsOf(rows: ScoredRows, indexes: readonly number[]): PerformanceEstimator['deviations'] {
  const count = rows.actual.length;
  const hits = rows.actual.reduce((sum, label, row) => sum + (label === rows.predicted[row] ? 1 : 0), 0);
  const accuracy = Math.sqrt((hits / count) * (1 - hits / count));
  const aucs = indexes.flatMap((index): RocAuc[] => {
    const { probability, actual } = classScores(rows, index);
    const one = rocAuc(probability, actual);
    return one === undefined ? [] : [one];
  });
  const aucError = aucs.length > 0 ? meanAucError(aucs) : undefined;
  const orNull = (deviation: number) => (deviation > 0 && Number.isFinite(deviation) ? deviation : null);
  return {
    accuracy: orNull(accuracy),
    f1: orNull(f1Deviation(cellsOf(rows), indexes)),
    roc_auc: orNull((aucError ?? 0) * Math.sqrt(count)),
  };
}

/** The confusion of scored rows, labels being the classes and one for those without probability. */
function cellsOf({ classes, actual, predicted }: ScoredRows): ConfusionCells {
  const other = classes.length;
  const place = (label: number) => (label < 0 ? other : label);
  return countConfusion({
    labels: [...classes, ''],
    actual: actual.map(place),
    predicted: predicted.map(place),
    source: new Int32Array(0),
  });
}
