import { median, medianSorted } from 'simple-statistics';
import type { Column, DriftResult, FeatureProfile } from './drift/index.ts';

/**
 * Adds to numeric features that drifted where the middle of their values was and is: what a person asks first.
 * @param most features that are looked at, in the order of the results: each costs passes over its values
 */
export function withMedians<Result extends DriftResult>(
  results: readonly Result[],
  reference: readonly FeatureProfile[],
  current: readonly Column[],
  most: number,
): (Result & { reference_median?: number; current_median?: number })[] {
  const profiles = new Map(reference.map((profile) => [profile.name, profile]));
  const columns = new Map(current.map((column) => [column.name, column]));
  return results.map((result, index) => {
    const profile = profiles.get(result.feature);
    const column = columns.get(result.feature);
    if (index >= most || !result.is_drift || profile?.kind !== 'numeric' || column?.kind !== 'numeric')
      return result;
    const values = Array.from(column.values).filter(Number.isFinite);
    if (values.length === 0 || profile.count === 0) return result;
    return {
      ...result,
      reference_median: medianSorted(Array.from(profile.sorted)),
      current_median: median(values),
    };
  });
}
