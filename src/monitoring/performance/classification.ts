import { type AveragedScores, type ClassScores, labelScores } from './class_scores.ts';
import { type ConfusionMatrix, confusionMatrix, countConfusion } from './confusion.ts';
import { type Metric, noMetric } from './metric.ts';
import { brierScore, classScores, logLoss, positiveScores, withBothClasses } from './probability_scores.ts';
import { aucMetric, type Separation, separation } from './roc_auc.ts';
import { type ClassificationRows, encodeRows, type ScoredRows, scoredRows } from './rows.ts';
import { rowsOfNeither, type Task, type TaskOptions, taskOf } from './task.ts';

export interface ClassificationOptions extends TaskOptions {
  /** Of the resamples behind the intervals. Default 1. */
  seed?: number | undefined;
}

/** How a classifier did, as it goes to the wire. */
export interface ClassificationPerformance {
  task: 'binary' | 'multiclass';
  /** The class that precision, recall and f1 are about; null for more classes, where they are macro averages. */
  positive_class: string | null;
  /** Rows with an actual and a predicted label, and those of them that have probabilities. */
  count: number;
  probability_count: number;
  accuracy: Metric;
  precision: Metric;
  recall: Metric;
  f1: Metric;
  macro: AveragedScores;
  weighted: AveragedScores;
  /** The classes with the most rows, in the labels' order. */
  per_class: ClassScores[];
  /** Nats. */
  log_loss: Metric;
  /** 0 … 1 for two classes, 0 … 2 for more. */
  brier: Metric;
  /** Of the positive class, or the mean of each class against the rest. */
  roc_auc: Metric;
  confusion_matrix: ConfusionMatrix;
  notes: string[];
}

/** Rows × classes that the one-against-rest AUCs may cost. */
const MOST_SCORES = 2_000_000;
/** Sums of probabilities further from 1 are worth a note. */
const SUM_TOLERANCE = 1e-3;

/** Measures a classifier on rows whose outcome is known. Anything that is not defined is null with a note. */
export function classificationPerformance(
  rows: ClassificationRows,
  options: ClassificationOptions = {},
): ClassificationPerformance {
  const encoded = encodeRows(rows);
  const known = [...(options.classes ?? []), ...(rows.probabilities?.classes ?? [])];
  const task = taskOf(encoded.labels, { ...options, classes: known });
  const scored = withBothClasses(scoredRows(encoded, rows.probabilities), task);
  const cells = countConfusion(encoded);
  const scores = labelScores(cells, options.seed ?? 1);
  const matrix = confusionMatrix(cells);
  const headline = task.kind === 'binary' ? positiveClass(scores.perClass, task.positive) : scores.macro;
  const hasScores = scored.actual.length > 0;
  const none = noMetric(cells.total === 0 ? 'There are no rows.' : 'No row has probabilities.');
  return {
    task: task.kind,
    positive_class: task.kind === 'binary' ? task.positive : null,
    count: cells.total,
    probability_count: scored.actual.length,
    accuracy: scores.accuracy,
    precision: headline.precision,
    recall: headline.recall,
    f1: headline.f1,
    macro: scores.macro,
    weighted: scores.weighted,
    per_class: scores.perClass,
    log_loss: hasScores ? logLoss(scored) : none,
    brier: hasScores ? brierScore(scored, task) : none,
    roc_auc: hasScores ? rocAuc(scored, task) : none,
    confusion_matrix: matrix,
    notes: [
      ...notesOnNeither(rowsOfNeither(encoded, task), task),
      ...notesOn(rows, cells.total, scored, task, matrix, options),
    ],
  };
}

function positiveClass(perClass: readonly ClassScores[], positive: string): AveragedScores {
  const none = noMetric(`"${positive}" is neither actual nor predicted in any row.`);
  return perClass.find(({ label }) => label === positive) ?? { precision: none, recall: none, f1: none };
}

function rocAuc(rows: ScoredRows, task: Task): Metric {
  if (task.kind === 'binary') {
    const { probability, outcome } = positiveScores(rows, task.positive);
    const one = separation(probability, outcome);
    return one === undefined ? noMetric('Every row has the same outcome.') : aucMetric([one]);
  }
  const affordable = Math.max(2, Math.floor(MOST_SCORES / rows.actual.length));
  const asked = mostFrequentClasses(rows).slice(0, affordable);
  const separations: Separation[] = [];
  for (const index of asked) {
    const { probability, outcome } = classScores(rows, index);
    const one = separation(probability, outcome);
    if (one !== undefined) separations.push(one);
  }
  if (separations.length === 0) return noMetric('Every row has the same outcome.');
  const left = rows.classes.length - separations.length;
  if (left === 0) return aucMetric(separations);
  const why = asked.length < rows.classes.length ? 'with few rows or none' : 'that never occurred';
  return aucMetric(separations, `Without ${left} of ${rows.classes.length} classes, ${why}.`);
}

/** Positions of the classes, those with the most rows first. */
function mostFrequentClasses({ classes, actual }: ScoredRows): number[] {
  const support = new Float64Array(classes.length);
  for (const label of actual) if (label >= 0) support[label] = (support[label] ?? 0) + 1;
  return [...classes.keys()].sort(
    (left, right) => (support[right] ?? 0) - (support[left] ?? 0) || left - right,
  );
}

function notesOnNeither(rows: number, task: Task): string[] {
  if (rows === 0 || task.kind === 'multiclass') return [];
  return [
    `${rows} rows turned out to be neither "${task.positive}" nor "${task.negative}": no answer to them was right, and they count as not "${task.positive}".`,
  ];
}

function notesOn(
  rows: ClassificationRows,
  count: number,
  scored: ScoredRows,
  task: Task,
  matrix: ConfusionMatrix,
  { positive }: ClassificationOptions,
): string[] {
  const notes: string[] = [];
  const left = rows.actual.length - count;
  if (left > 0) notes.push(`${left} rows without an actual or a predicted class were left out.`);
  if (rows.probabilities !== undefined && scored.actual.length < count)
    notes.push(`${count - scored.actual.length} rows have no usable probabilities.`);
  const unknown = scored.actual.reduce((sum, label) => sum + (label < 0 ? 1 : 0), 0);
  if (unknown > 0)
    notes.push(`${unknown} rows are of a class that the model gives no probability for; it counts as 0.`);
  const uneven = unevenRows(scored);
  if (uneven > 0)
    notes.push(`In ${uneven} rows the probabilities do not sum to 1; they were taken as they are.`);
  if (positive !== undefined && (task.kind === 'multiclass' || task.positive !== positive))
    notes.push(`"${positive}" is not one of two classes, so it was not taken as the positive one.`);
  if (matrix.merged > 0)
    notes.push(
      `${matrix.merged} classes with few rows are one in the confusion matrix and are not listed by class.`,
    );
  return notes;
}

function unevenRows({ classes, values, actual }: ScoredRows): number {
  let uneven = 0;
  for (let row = 0; row < actual.length; row++) {
    let sum = 0;
    for (let index = 0; index < classes.length; index++) sum += values[row * classes.length + index] ?? 0;
    if (Math.abs(sum - 1) > SUM_TOLERANCE) uneven++;
  }
  return uneven;
}
