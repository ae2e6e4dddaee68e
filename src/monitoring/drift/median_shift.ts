import { median, medianSorted } from 'simple-statistics';
import { shortestDecimal } from '../../serving/codec/round_as_model.ts';
import type { FeatureProfile } from '../reference/profile.ts';
import type { ComparedColumn } from '../rows/compared_column.ts';
import type { DriftResult } from './result.ts';

/**
 * Adds the reference's and the current median to numeric features that drifted.
 *
 * @param most features to look at, in the order of the results: each costs passes over its values
 */
export function withMedians<Result extends DriftResult>(
  results: readonly Result[],
  reference: readonly FeatureProfile[],
  current: readonly ComparedColumn[],
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
      reference_median: shortestDecimal(medianSorted(Array.from(profile.sorted))),
      current_median: shortestDecimal(median(values)),
    };
  });
}
