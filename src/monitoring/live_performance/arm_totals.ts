import type { Compared } from '../outcomes/outcome_window.ts';
import type { ArmTotals } from '../performance/index.ts';

/** What the comparison of versions needs of one: its hits, or its absolute errors. */
export function armTotals(compared: Compared): ArmTotals | undefined {
  if (compared.kind === 'arrays') return undefined;
  if (compared.kind === 'classes') {
    const { actual, predicted } = compared;
    let [rows, successes] = [0, 0];
    for (let row = 0; row < actual.length; row++) {
      if ((actual[row] ?? -1) < 0 || (predicted[row] ?? -1) < 0) continue;
      rows++;
      if (actual[row] === predicted[row]) successes++;
    }
    return { kind: 'share', rows, successes };
  }
  const { actual, predicted } = compared;
  let [rows, sum, sumOfSquares] = [0, 0, 0];
  for (let row = 0; row < actual.length; row++) {
    const error = Math.abs((predicted[row] ?? Number.NaN) - (actual[row] ?? Number.NaN));
    if (!Number.isFinite(error)) continue;
    rows++;
    sum += error;
    sumOfSquares += error * error;
  }
  return { kind: 'mean', rows, sum, sumOfSquares };
}
