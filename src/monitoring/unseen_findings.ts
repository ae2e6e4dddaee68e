import {
  type Column,
  type DriftOptions,
  type DriftResult,
  type FeatureProfile,
  type UnseenCategories,
  unseenCategories,
} from './drift/index.ts';
import { graver } from './drift/severity.ts';

/**
 * Categories that the reference never had, and what they make of the results: a feature with more of them than chance
 * explains has drifted, also where the shares of the known ones have not.
 */
export function unseenFindings(
  reference: readonly FeatureProfile[],
  current: readonly Column[],
  options: DriftOptions,
): { found: UnseenCategories[]; mark(results: readonly DriftResult[]): DriftResult[] } {
  const found = unseenCategories(reference, current, options);
  const drifted = new Map(found.filter(({ is_drift }) => is_drift).map((one) => [one.feature, one]));
  return {
    found,
    mark: (results) =>
      results.map((result) => {
        const unseen = drifted.get(result.feature);
        if (unseen === undefined) return result;
        return { ...result, is_drift: true, severity: graver(result.severity, unseen.severity) };
      }),
  };
}
