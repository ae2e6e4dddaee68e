import { meanMetric } from './mean_metric.ts';
import type { Metric } from './metric.ts';
import type { ScoredRows } from './rows.ts';
import type { Task } from './task.ts';

/** Probabilities nearer than this to 0 and 1 are taken as this near, so that one row cannot make the loss infinite. */
const CLIP = 1e-15;
/** By how much a sum of squares may be too large without being wrong. */
const ROUNDING = 1e-9;

/**
 * Mean of −ln P(actual class), nats; scikit-learn's `log_loss` after clipping at 1e-15. A class that the model
 * gives no probability for has probability 0.
 */
export function logLoss({ classes, values, actual }: ScoredRows): Metric {
  const losses = Float64Array.from(actual, (label, row) => {
    const probability = label < 0 ? 0 : (values[row * classes.length + label] ?? 0);
    return -Math.log(Math.min(1 - CLIP, Math.max(CLIP, probability)));
  });
  return meanMetric(losses, { least: 0, most: Number.POSITIVE_INFINITY });
}

/**
 * Brier score, scikit-learn's `brier_score_loss`. Of a binary task the mean of (P(positive) − outcome)², 0 … 1; of
 * more classes Brier's own sum over the classes, 0 … 2.
 */
export function brierScore(rows: ScoredRows, task: Task): Metric {
  if (task.kind === 'binary') {
    const { probability, outcome } = positiveScores(rows, task.positive);
    const losses = probability.map((share, row) => (share - (outcome[row] ?? 0)) ** 2);
    return meanMetric(losses, { least: 0, most: 1 });
  }
  const width = rows.classes.length;
  const losses = Float64Array.from(rows.actual, (label, row) => {
    // An unknown class is predicted with probability 0.
    let loss = label < 0 ? 1 : 0;
    for (let index = 0; index < width; index++) {
      const probability = rows.values[row * width + index] ?? 0;
      loss += (probability - (index === label ? 1 : 0)) ** 2;
    }
    return loss;
  });
  // Numbers that are not a distribution can exceed 2.
  const areShares = losses.every((loss) => loss <= 2 + ROUNDING);
  return meanMetric(losses, { least: 0, most: areShares ? 2 : Math.max(2, width) });
}

/** One class against the others: its probability in each row, and 1 where it was the case. */
export interface OneClassScores {
  probability: Float64Array;
  outcome: Uint8Array;
}

/** @param index the class's position in `rows.classes` */
export function classScores({ classes, values, actual }: ScoredRows, index: number): OneClassScores {
  const scores = { probability: new Float64Array(actual.length), outcome: new Uint8Array(actual.length) };
  for (let row = 0; row < actual.length; row++) {
    scores.probability[row] = values[row * classes.length + index] ?? 0;
    scores.outcome[row] = actual[row] === index ? 1 : 0;
  }
  return scores;
}

/** {@link classScores} of a binary task's positive class. */
export function positiveScores(rows: ScoredRows, positive: string): OneClassScores {
  return classScores(rows, rows.classes.indexOf(positive));
}

/**
 * Of a binary task: where the probability of one class only is given, the other one's is the rest, and what was
 * neither of the two classes was not the positive one.
 */
export function withBothClasses(rows: ScoredRows, task: Task): ScoredRows {
  const [given] = rows.classes;
  if (task.kind !== 'binary' || given === undefined) return rows;
  const isSingle = rows.classes.length === 1;
  const classes = isSingle ? [given, given === task.positive ? task.negative : task.positive] : rows.classes;
  // Without a positive class among them, what is no class stays none.
  const negative = classes.indexOf(isSingle ? (classes[1] ?? '') : task.negative);
  const place = (label: number) => (label < 0 ? negative : label);
  return {
    classes,
    values: isSingle ? pairs(rows.values) : rows.values,
    actual: rows.actual.map(place),
    predicted: rows.predicted.map(place),
  };
}

function pairs(shares: Float64Array): Float64Array {
  const values = new Float64Array(2 * shares.length);
  shares.forEach((share, row) => {
    values[2 * row] = share;
    values[2 * row + 1] = 1 - share;
  });
  return values;
}
