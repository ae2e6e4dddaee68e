import type { DriftOptions, DriftResult } from './result.ts';
import { defaultMissingThreshold } from './severity.ts';
import { defaultMinEffect } from './verdict.ts';

/** A feature's place in a drift report. */
export interface RankedResult {
  result: DriftResult;
  /**
   * How far over the threshold it is: 1 is at the threshold, 2 twice as far; null without a verdict. Being over it is
   * not drift yet: a verdict needs evidence too.
   */
  ratio: number | null;
}

export type Limits = Pick<DriftOptions, 'minEffect' | 'missingThreshold'>;

/** p = 0 (below the smallest double) counts as this. */
const minP = 1e-300;

/**
 * Drifted features first, columns that are absent or of another type before all; then by how far they are over the
 * threshold, then by name; those without a verdict last.
 *
 * @param limits the report's; a `minEffect` of 0 compares p-values instead
 */
export function rankOverThreshold(results: readonly DriftResult[], limits: Limits = {}): RankedResult[] {
  return results
    .map((result) => ({ result, ratio: overThreshold(result, limits) }))
    .sort(
      (one, other) =>
        Number(other.result.is_drift) - Number(one.result.is_drift) ||
        Number(isBrokenColumn(other.result)) - Number(isBrokenColumn(one.result)) ||
        (other.ratio ?? -1) - (one.ratio ?? -1) ||
        (one.result.feature < other.result.feature ? -1 : 1),
    );
}

/**
 * Distances: score by threshold. Tests: effect by the smallest one worth a verdict or, where every effect counts, ln
 * p by ln of the level. Missing shares: their change by its limit. The largest of these that apply.
 */
function overThreshold(
  result: DriftResult,
  { minEffect = defaultMinEffect, missingThreshold = defaultMissingThreshold }: Limits,
): number | null {
  const { score, effect, p_adjusted, threshold } = result;
  const unit = minEffect > 0 ? minEffect : defaultMinEffect;
  const change = Math.abs(result.current_missing - result.reference_missing);
  const missing = missingThreshold > 0 ? change / missingThreshold : 1;
  // A finding counts as at least 1: an increase from no missing values at all has no limit but chance.
  const ofMissing = result.missing_shift ? Math.max(1, missing) : 0;
  const ofValues = (): number | null => {
    if (score === null || threshold === null) return null;
    // A distance may be as large as a double can be.
    if (effect === null) return threshold > 0 ? Math.min(Number.MAX_VALUE, score / threshold) : score;
    if (minEffect > 0 || p_adjusted === null) return effect / unit;
    return threshold > 0 && threshold < 1
      ? Math.log(Math.max(p_adjusted, minP)) / Math.log(threshold)
      : effect / unit;
  };
  const values = ofValues();
  const ofOthers = result.cause === 'unseen' || isBrokenColumn(result) ? 1 : 0;
  if (values === null) return result.is_drift ? Math.max(ofMissing, ofOthers) : null;
  return Math.max(values, ofMissing, ofOthers);
}

/** Whether the finding is about the column itself: it is absent, or of another type. */
export function isBrokenColumn({ is_drift, cause }: DriftResult): boolean {
  return is_drift && (cause === 'absent' || cause === 'type');
}
