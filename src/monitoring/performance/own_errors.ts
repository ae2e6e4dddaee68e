import { estimatePerformance } from './estimate.ts';
import type { OwnError, PerformanceEstimator } from './performance_estimator.ts';
import type { ScoredRows } from './rows.ts';

/** A smaller difference is not worth a word … */
const leastError = 0.01;
/** … nor one within so many standard errors. */
const standardErrors = 3;

/**
 * Estimates the reference rows as if their outcomes were not known, and compares: classes that are calibrated one by one
 * can be off together. Such an error is in every later estimate too, and no band shows it.
 */
export function ownErrors(estimator: PerformanceEstimator, rows: ScoredRows): OwnError[] {
  const { classes, values, actual, predicted } = rows;
  const estimated = estimatePerformance(estimator, {
    predicted: Array.from(predicted, (label) => classes[label] ?? null),
    probabilities: { classes: [...classes], values },
  });
  // Rows whose predicted class has no probability are in no estimate.
  const kept = Array.from(actual.keys()).filter((row) => (predicted[row] ?? -1) >= 0);
  const hits = kept.filter((row) => actual[row] === predicted[row]).length;
  const { positive_class } = estimator;
  const asked = positive_class === null ? [...classes.keys()] : [classes.indexOf(positive_class)];
  const f1s = asked.map((index) => {
    const said = kept.filter((row) => predicted[row] === index);
    const relevant = said.length + kept.filter((row) => actual[row] === index).length;
    return relevant === 0 ? 0 : (2 * said.filter((row) => actual[row] === index).length) / relevant;
  });
  const found = {
    accuracy: hits / kept.length,
    f1: f1s.reduce((sum, one) => sum + one, 0) / f1s.length,
  };
  return (['accuracy', 'f1'] as const).flatMap((metric) => {
    const { value, standard_error } = estimated[metric];
    const difference = Math.abs((value ?? Number.NaN) - found[metric]);
    const isError = difference >= leastError && difference > standardErrors * (standard_error ?? 0);
    return value !== null && isError ? [{ metric, estimated: value, actual: found[metric] }] : [];
  });
}
