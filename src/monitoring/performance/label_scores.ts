import {
  countSampler,
  minRows,
  percentileInterval,
  resamplesFor,
  tooFewRows,
} from '../../statistics/bootstrap.ts';
import { type Random, seededRandom } from '../../statistics/random.ts';
import { type ConfusionCells, listedLabels } from './confusion.ts';
import { type Metric, metric, noMetric } from './metric.ts';
import { shareMetric } from './share_metric.ts';

/** Scores of one class against all others. */
export interface ClassScores {
  label: string;
  /** Rows in which it is actual, and in which it is predicted. */
  support: number;
  predicted: number;
  precision: Metric;
  recall: Metric;
  f1: Metric;
}

/** Scores over all classes that are actual or predicted in some row. */
export interface AveragedScores {
  precision: Metric;
  recall: Metric;
  f1: Metric;
}

export interface LabelScores {
  accuracy: Metric;
  /** Of the listed classes. */
  perClass: ClassScores[];
  /** Every class counts the same. A precision or recall that is not defined counts as 0, as in scikit-learn. */
  macro: AveragedScores;
  /** Every class counts by its support. */
  weighted: AveragedScores;
}

/** Rows of each label: actual, predicted, and both. */
interface LabelCounts {
  actual: Float64Array;
  predicted: Float64Array;
  hits: Float64Array;
  total: number;
}

const averageNames = [
  'macro precision',
  'macro recall',
  'macro f1',
  'weighted precision',
  'weighted f1',
] as const;
type Average = (typeof averageNames)[number];

const noRows = 'There are no rows.';

/**
 * Accuracy, precision, recall and F1 = 2·hits/(actual + predicted), by class, macro and weighted
 * (scikit-learn's `precision_recall_fscore_support` with zero_division=0).
 *
 * Shares have Wilson's interval; F1 and the averages a bootstrap over the matrix's cells, whose rows are alike.
 */
export function labelScores(cells: ConfusionCells): LabelScores {
  const counts = countLabels(cells, cells.rows);
  if (counts.total === 0) return withoutRows();
  const listed = listedLabels(cells);
  const bootstrap = resampleScores(cells, listed, seededRandom(1));
  const averages = averageScores(counts);
  const averageMetric = (name: Average): Metric =>
    resampledMetric(averages[name], bootstrap?.averages.get(name));
  const hits = counts.hits.reduce((sum, rows) => sum + rows, 0);
  const accuracy = shareMetric(hits, counts.total, noRows);
  return {
    accuracy,
    perClass: listed.map((label, index) => {
      const [support, predicted] = [counts.actual[label] ?? 0, counts.predicted[label] ?? 0];
      const found = counts.hits[label] ?? 0;
      return {
        label: cells.labels[label] ?? '',
        support,
        predicted,
        precision: shareMetric(found, predicted, 'The class was never predicted.'),
        recall: shareMetric(found, support, 'The class never occurred.'),
        f1: resampledMetric(f1Of(counts, label), bootstrap?.f1[index]),
      };
    }),
    macro: {
      precision: averageMetric('macro precision'),
      recall: averageMetric('macro recall'),
      f1: averageMetric('macro f1'),
    },
    weighted: {
      precision: averageMetric('weighted precision'),
      // Weighted by support, recall is the share of hits.
      recall: accuracy,
      f1: averageMetric('weighted f1'),
    },
  };
}

function withoutRows(): LabelScores {
  const none = noMetric(noRows);
  const averaged = { precision: none, recall: none, f1: none };
  return { accuracy: none, perClass: [], macro: averaged, weighted: averaged };
}

function resampledMetric(value: number, resampled: Float64Array | undefined): Metric {
  if (resampled === undefined) return metric(value, null, tooFewRows);
  return metric(value, percentileInterval(resampled));
}

function resampleScores(cells: ConfusionCells, listed: readonly number[], random: Random) {
  if (cells.total < minRows) return undefined;
  const repetitions = resamplesFor(cells.rows.length);
  const averages = new Map(averageNames.map((name) => [name, new Float64Array(repetitions)]));
  const f1 = listed.map(() => new Float64Array(repetitions));
  const samplers = Array.from(cells.rows, (rows) => countSampler(random, rows));
  const drawn = new Float64Array(cells.rows.length);
  for (let repetition = 0; repetition < repetitions; repetition++) {
    samplers.forEach((sample, cell) => {
      drawn[cell] = sample();
    });
    const counts = countLabels(cells, drawn);
    const scores = averageScores(counts);
    for (const [name, values] of averages) values[repetition] = scores[name];
    f1.forEach((values, index) => {
      values[repetition] = f1Of(counts, listed[index] ?? 0);
    });
  }
  return { averages, f1 };
}

function countLabels({ labels, actual, predicted }: ConfusionCells, rows: Float64Array): LabelCounts {
  const counts = {
    actual: new Float64Array(labels.length),
    predicted: new Float64Array(labels.length),
    hits: new Float64Array(labels.length),
    total: 0,
  };
  for (let cell = 0; cell < rows.length; cell++) {
    const [truth, said, count] = [actual[cell] ?? 0, predicted[cell] ?? 0, rows[cell] ?? 0];
    counts.actual[truth] = (counts.actual[truth] ?? 0) + count;
    counts.predicted[said] = (counts.predicted[said] ?? 0) + count;
    if (truth === said) counts.hits[truth] = (counts.hits[truth] ?? 0) + count;
    counts.total += count;
  }
  return counts;
}

/** NaN for a label that a resample has lost. */
function f1Of({ actual, predicted, hits }: LabelCounts, label: number): number {
  return (2 * (hits[label] ?? 0)) / ((actual[label] ?? 0) + (predicted[label] ?? 0));
}

/** Averages over the labels that have rows. */
function averageScores(counts: LabelCounts): Record<Average, number> {
  const sums = { precision: 0, recall: 0, f1: 0, weightedPrecision: 0, weightedF1: 0 };
  let seen = 0;
  for (let label = 0; label < counts.hits.length; label++) {
    const [support, predicted] = [counts.actual[label] ?? 0, counts.predicted[label] ?? 0];
    if (support + predicted === 0) continue;
    const found = counts.hits[label] ?? 0;
    const precision = predicted === 0 ? 0 : found / predicted;
    const f1 = (2 * found) / (support + predicted);
    seen++;
    sums.precision += precision;
    sums.recall += support === 0 ? 0 : found / support;
    sums.f1 += f1;
    sums.weightedPrecision += support * precision;
    sums.weightedF1 += support * f1;
  }
  return {
    'macro precision': sums.precision / seen,
    'macro recall': sums.recall / seen,
    'macro f1': sums.f1 / seen,
    'weighted precision': sums.weightedPrecision / counts.total,
    'weighted f1': sums.weightedF1 / counts.total,
  };
}
