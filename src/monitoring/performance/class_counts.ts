import type { Compared } from '../../prediction_log/outcome_window.ts';

/** Rows of a class: in which it was actual, in which it was predicted, and both. */
export interface ClassCount {
  label: string;
  actual: number;
  predicted: number;
  hits: number;
}

/** Counts by class, over the rows whose actual and predicted class are known. */
export function countClasses({
  classes,
  actual,
  predicted,
}: Extract<Compared, { kind: 'classes' }>): ClassCount[] {
  const counts = classes.map((label) => ({ label, actual: 0, predicted: 0, hits: 0 }));
  for (let row = 0; row < actual.length; row++) {
    const [truth, said] = [counts[actual[row] ?? -1], counts[predicted[row] ?? -1]];
    if (truth === undefined || said === undefined) continue;
    truth.actual++;
    said.predicted++;
    if (truth === said) truth.hits++;
  }
  return counts;
}
