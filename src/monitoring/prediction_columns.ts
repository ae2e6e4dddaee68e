import type { WindowColumn } from './log/window_column.ts';

/** More columns of a model that answers arrays would only make more noise. */
const maxArrayColumns = 50;

/**
 * The columns of answers that are compared: the probability of each class as `P(class)` (of two classes the second,
 * which says both), else the value as `prediction`.
 */
export function loggedPredictions({
  values,
  probabilities,
}: {
  values: readonly WindowColumn[];
  probabilities: readonly { label: string; values: Float64Array }[];
}): WindowColumn[] {
  if (probabilities.length === 0) return values.slice(0, maxArrayColumns);
  const shown = probabilities.length === 2 ? probabilities.slice(1) : probabilities;
  return shown.map(({ label, values: column }) => ({ name: `P(${label})`, kind: 'numeric', values: column }));
}
