import { type Calibration, calibrationOfRows } from './calibration.ts';
import { withBothClasses } from './class_probabilities.ts';
import { type ConfusionMatrix, confusionMatrix, countConfusion } from './confusion.ts';
import { type AveragedScores, type ClassScores, labelScores } from './label_scores.ts';
import { type Metric, noMetric } from './metric.ts';
import { measureClasses } from './metrics/index.ts';
import { type ClassificationRows, encodeRows, type ScoredRows, scoredRows } from './rows.ts';
import { rowsOfNeither, type Task, type TaskOptions, taskOf } from './task.ts';

/** How a classifier did. */
export interface ClassificationPerformance {
  task: 'binary' | 'multiclass';
  /** The class that precision, recall and f1 are about; null for more classes, where they are macro averages. */
  positive_class: string | null;
  /** Rows with an actual and a predicted label, and those of them that have probabilities. */
  count: number;
  probability_count: number;
  /** By name, in the order of answers. */
  metrics: Record<string, Metric>;
  macro: AveragedScores;
  weighted: AveragedScores;
  /** The classes with the most rows, in the labels' order. */
  per_class: ClassScores[];
  confusion_matrix: ConfusionMatrix;
  /** Of the positive class, or of more classes of the predicted one; null without probabilities. */
  calibration: Calibration | null;
  notes: string[];
}

/** Sums of probabilities further from 1 are worth a note. */
const sumTolerance = 1e-3;

/** Measures a classifier on rows whose actual label is known. A metric that is not defined is null with a note. */
export function classificationPerformance(
  rows: ClassificationRows,
  options: TaskOptions = {},
): ClassificationPerformance {
  const encoded = encodeRows(rows);
  const known = [...(options.classes ?? []), ...(rows.probabilities?.classes ?? [])];
  const task = taskOf(encoded.labels, { ...options, classes: known });
  const scored = withBothClasses(scoredRows(encoded, rows.probabilities), task);
  const cells = countConfusion(encoded);
  const scores = labelScores(cells);
  const matrix = confusionMatrix(cells);
  const headline = task.kind === 'binary' ? positiveClass(scores.perClass, task.positive) : scores.macro;
  const positive = task.kind === 'binary' ? task.positive : null;
  const calibration = calibrationOfRows(rows, positive);
  return {
    task: task.kind,
    positive_class: positive,
    count: cells.total,
    probability_count: scored.actual.length,
    metrics: measureClasses({ task, count: cells.total, scores, headline, scored, calibration }),
    macro: scores.macro,
    weighted: scores.weighted,
    per_class: scores.perClass,
    confusion_matrix: matrix,
    calibration,
    notes: [
      ...notesOnNeverPredicted(scores.perClass, task),
      ...notesOnNeither(rowsOfNeither(encoded, task), task),
      ...notesOn(rows, cells.total, scored, task, matrix, options),
    ],
  };
}

function positiveClass(perClass: readonly ClassScores[], positive: string): AveragedScores {
  const none = noMetric(`"${positive}" is neither actual nor predicted in any row.`);
  return perClass.find(({ label }) => label === positive) ?? { precision: none, recall: none, f1: none };
}

/** Classes that are named in one note. */
const maxNamed = 5;

/** Classes of the model that occurred and that it never answers; of two, labels that are neither have a note of their own. */
function notesOnNeverPredicted(perClass: readonly ClassScores[], task: Task): string[] {
  const isOfModel = (label: string) =>
    task.kind === 'multiclass' || label === task.positive || label === task.negative;
  const missed = perClass.filter(
    ({ label, support, predicted }) => support > 0 && predicted === 0 && isOfModel(label),
  );
  if (missed.length === 0) return [];
  const named = missed
    .slice(0, maxNamed)
    .map(({ label, support }) => `"${label}" (actual in ${support} rows)`);
  return [`Never predicted: ${named.join(', ')}${missed.length > maxNamed ? ', …' : ''}.`];
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
  { positive }: TaskOptions,
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
    if (Math.abs(sum - 1) > sumTolerance) uneven++;
  }
  return uneven;
}
