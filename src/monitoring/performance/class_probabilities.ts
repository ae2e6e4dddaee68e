import type { ArmEstimate } from './arm_estimate.ts';
import { type Metric, noMetric } from './metric.ts';
import type { ComparedClasses } from './metrics/metric_definition.ts';
import type { ScoredRows } from './rows.ts';
import type { Task } from './task.ts';

/** Measures the rows that have probabilities; where there are none, says so. */
export function measureProbabilities(
  { count, scored }: { count: number; scored: ScoredRows },
  measure: (scored: ScoredRows) => Metric,
): Metric {
  if (scored.actual.length > 0) return measure(scored);
  return noMetric(count === 0 ? 'There are no rows.' : 'No row has probabilities.');
}

/** The same for comparing versions. @param name of the metric, for the reason why there is no value */
export function estimateOfProbabilities(
  { probabilities }: ComparedClasses,
  name: string,
  estimate: (scored: ScoredRows, units: Int32Array) => ArmEstimate,
): ArmEstimate {
  if (probabilities === undefined)
    return { estimate: undefined, reason: `The model gives no probabilities, which ${name} is of.` };
  return estimate(probabilities.scored, probabilities.units);
}

/** One class against the others, one value a row. */
interface OneClassScores {
  probability: Float64Array;
  /** 1 where it is the actual class. */
  actual: Uint8Array;
}

/** @param index the class's position in `rows.classes` */
export function classScores({ classes, values, actual }: ScoredRows, index: number): OneClassScores {
  const scores = { probability: new Float64Array(actual.length), actual: new Uint8Array(actual.length) };
  for (let row = 0; row < actual.length; row++) {
    scores.probability[row] = values[row * classes.length + index] ?? 0;
    scores.actual[row] = actual[row] === index ? 1 : 0;
  }
  return scores;
}

/** {@link classScores} of a binary task's positive class. */
export function positiveScores(rows: ScoredRows, positive: string): OneClassScores {
  return classScores(rows, rows.classes.indexOf(positive));
}

/**
 * Completes the rows of a binary task: a missing second class gets 1 − the given probability, and an actual label that is
 * neither of the two classes counts as the negative one. Rows of other tasks are returned as they are.
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
