import { median, medianSorted } from 'simple-statistics';
import type { Column, DriftResult, FeatureProfile } from './drift/index.ts';

/** A result with where the middle of the values was and is, for a numeric feature that drifted: what a person asks first. */
export type ShownResult = DriftResult & { reference_median?: number; current_median?: number };

export function withMedians(
  results: readonly DriftResult[],
  reference: readonly FeatureProfile[],
  current: readonly Column[],
): ShownResult[] {
  return results.map((result) => {
    const profile = reference.find(({ name }) => name === result.feature);
    const column = current.find(({ name }) => name === result.feature);
    if (!result.is_drift || profile?.kind !== 'numeric' || column?.kind !== 'numeric') return result;
    const values = Array.from(column.values).filter(Number.isFinite);
    if (values.length === 0 || profile.count === 0) return result;
    return {
      ...result,
      reference_median: medianSorted(Array.from(profile.sorted)),
      current_median: median(values),
    };
  });
}
