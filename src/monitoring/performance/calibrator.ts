import { applyIsotonic, fitIsotonic, type IsotonicCurve, sortOutcomes } from '../../statistics/isotonic.ts';
import type { Random } from '../../statistics/random.ts';
import { rocAuc } from '../../statistics/roc_auc.ts';
import { equalCountEdges, reliability } from './calibration.ts';

const foldCount = 10;
const binCount = 10;
/** A model that separates the classes as well as this has nothing to calibrate with. */
const perfectAuc = 0.999;

/**
 * The curve that makes scores into probabilities, or null where they are better left as they are: calibration must
 * lower the expected calibration error of rows that it was not fitted to (NannyML's rule; its ten random splits are
 * ten folds here, so that every row is judged once).
 *
 * @param score within 0 … 1, one a row
 * @param outcome 1 where the class was the case, 0 where not
 */
export function fitCalibrator(
  score: Float64Array,
  outcome: Uint8Array,
  random: Random,
): IsotonicCurve | null {
  const found = rocAuc(score, outcome);
  if (found === undefined || found.auc > perfectAuc) return null;
  const sorted = sortOutcomes(score, outcome);
  const fold = stratifiedFolds(sorted.outcome, random);
  const calibrated = new Float64Array(score.length);
  for (let held = 0; held < foldCount; held++) {
    const isFitted = (_: number, row: number) => fold[row] !== held;
    const fitted = { score: sorted.score.filter(isFitted), outcome: sorted.outcome.filter(isFitted) };
    if (fitted.score.length === 0) return null;
    const curve = fitIsotonic(fitted);
    sorted.score.forEach((value, row) => {
      if (fold[row] === held) calibrated[row] = applyIsotonic(curve, value);
    });
  }
  const before = calibrationError(sorted.score, sorted.outcome);
  const after = calibrationError(calibrated, sorted.outcome);
  return after < before ? fitIsotonic(sorted) : null;
}

function calibrationError(shares: Float64Array, outcome: Uint8Array): number {
  return reliability(shares, outcome, equalCountEdges(shares, binCount), 0).expected_calibration_error;
}

/** A fold for each row, at random, every fold with its share of either outcome. */
function stratifiedFolds(outcome: Uint8Array, random: Random): Uint8Array {
  const fold = new Uint8Array(outcome.length);
  for (const wanted of [0, 1]) {
    const rows = Array.from(outcome.keys()).filter((row) => outcome[row] === wanted);
    rows.forEach((row, index) => {
      // Fisher and Yates: the row at `index` is final after this exchange.
      const other = index + Math.floor(random() * (rows.length - index));
      const chosen = rows[other] ?? row;
      rows[other] = rows[index] ?? row;
      rows[index] = chosen;
      fold[chosen] = index % foldCount;
    });
  }
  return fold;
}
