import { upperBound } from '../../statistics/sorted_search.ts';
import type { FeatureProfile, NumericProfile } from '../reference/profile.ts';
import type { ComparedColumn } from '../rows/compared_column.ts';
import { maxValueBins } from './bins.ts';

/**
 * A feature with more different values than have bins of their own goes in steps when each value is held by this many
 * rows on average …
 */
const rowsPerStep = 5;
/**
 * … and its values fill at least one in this many of the equally spaced places between the smallest and the largest.
 */
const placesPerStep = 10;
/** Share of half a gap: a value midway between two steps, up to rounding, belongs to neither. */
const withinHalf = 0.5 * (1 - 1e-6);

/**
 * A numeric column whose reference goes in steps (codes, counts, a sensor's ticks) with every value that is within half
 * the smallest gap of a reference value put there: noise of 0.002 on steps of 0.5 is no drift. Any other value stays as
 * it is, so that a code that never was before is seen. Other columns are given back unchanged.
 */
export function snapToSteps(profile: FeatureProfile | undefined, column: ComparedColumn): ComparedColumn {
  if (profile?.kind !== 'numeric' || column.kind !== 'numeric') return column;
  const steps = stepsOf(profile);
  if (steps === undefined) return column;
  const reach = smallestGap(steps) * withinHalf;
  const { values } = column;
  let snapped: Float64Array | undefined;
  for (let row = 0; row < values.length; row++) {
    const value = values[row] ?? Number.NaN;
    const above = upperBound(steps, value, 0);
    const below = steps[above - 1] ?? Number.NEGATIVE_INFINITY;
    if (below === value || !Number.isFinite(value)) continue;
    const next = steps[above] ?? Number.POSITIVE_INFINITY;
    const nearest = value - below <= next - value ? below : next;
    if (Math.abs(value - nearest) > reach) continue;
    snapped ??= values.slice();
    snapped[row] = nearest;
  }
  return snapped === undefined ? column : { ...column, values: snapped };
}

/** The different values of a reference that goes in steps, ascending, at least two; undefined for any other. */
function stepsOf({ sorted, distinct, count, min, max }: NumericProfile): Float64Array | undefined {
  if (distinct < 2 || (distinct > maxValueBins && distinct * rowsPerStep > count)) return undefined;
  const steps = Float64Array.from(new Set(sorted));
  if (steps.length < 2) return undefined;
  if (distinct <= maxValueBins) return steps;
  return (max - min) / smallestGap(steps) <= placesPerStep * distinct ? steps : undefined;
}

function smallestGap(steps: Float64Array): number {
  let gap = Number.POSITIVE_INFINITY;
  for (let step = 1; step < steps.length; step++)
    gap = Math.min(gap, (steps[step] ?? 0) - (steps[step - 1] ?? 0));
  return gap;
}
