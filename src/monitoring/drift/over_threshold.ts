import type { DriftResult } from './result.ts';
import { DEFAULT_MIN_EFFECT } from './verdict.ts';

/** A feature's place in a drift report. */
export interface RankedResult {
  result: DriftResult;
  /**
   * How far over the threshold it is: 1 is at the threshold, 2 twice as far; null without a verdict. Being over it is
   * not drift yet: a verdict needs evidence too.
   */
  ratio: number | null;
}

/** What p = 0, that is less than a double can tell from it, counts as. */
const LEAST_P = 1e-300;

/**
 * Drifted features first, then by how far they are over the threshold, then by name; those without a verdict last.
 *
 * @param minEffect the report's smallest effect worth a verdict; 0 compares p-values instead
 */
export function rankOverThreshold(
  results: readonly DriftResult[],
  minEffect: number = DEFAULT_MIN_EFFECT,
): RankedResult[] {
  return results
    .map((result) => ({ result, ratio: overThreshold(result, minEffect) }))
    .sort(
      (one, other) =>
        Number(other.result.is_drift) - Number(one.result.is_drift) ||
        (other.ratio ?? -1) - (one.ratio ?? -1) ||
        (one.result.feature < other.result.feature ? -1 : 1),
    );
}

/**
 * Distances: score by threshold. Tests: effect by the smallest that is worth a verdict, or where every effect is, ln p
 * by the level's. Missing shares: their change by the smallest effect. The largest of these that apply.
 */
function overThreshold(result: DriftResult, minEffect: number): number | null {
  const { score, effect, p_adjusted, threshold } = result;
  const unit = minEffect > 0 ? minEffect : DEFAULT_MIN_EFFECT;
  const ofMissing = Math.abs(result.current_missing - result.reference_missing) / unit;
  const ofValues = (): number | null => {
    if (score === null || threshold === null) return null;
    // A distance may be as large as a number can be.
    if (effect === null) return threshold > 0 ? Math.min(Number.MAX_VALUE, score / threshold) : score;
    if (minEffect > 0 || p_adjusted === null) return effect / unit;
    return threshold > 0 && threshold < 1
      ? Math.log(Math.max(p_adjusted, LEAST_P)) / Math.log(threshold)
      : effect / unit;
  };
  const values = ofValues();
  // Where only the values were judged, a change of the missing share that is no finding says nothing.
  if (values === null) return result.is_drift ? ofMissing : null;
  return result.is_drift ? Math.max(values, ofMissing) : values;
}
