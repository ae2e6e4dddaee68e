import { seededRandom, seedFor } from '../../statistics/random.ts';
import { randomRows } from '../../statistics/random_rows.ts';
import type { ComparedColumn } from '../rows/compared_column.ts';
import { selectRows } from '../rows/select_rows.ts';
import { type FeatureProfile, profileColumn } from './profile.ts';

/**
 * Rows up to which a reference keeps all of a column: the sorted sample, or the rows of each category. Of more rows a
 * numeric column keeps this many evenly spaced order statistics, whose distribution function is within 1e-5 of that
 * of all rows. Categories are counted over all rows, unless there are more different ones than this: then over this
 * many rows drawn at random.
 */
export const referenceResolution = 100_000;

export function profileReference(column: ComparedColumn): FeatureProfile {
  const profile = profileColumn(column);
  if (column.values.length <= referenceResolution) return profile;
  if (profile.kind === 'numeric') {
    const rows = profile.count + profile.missing;
    const count = Math.round((profile.count / rows) * referenceResolution);
    return {
      ...profile,
      count,
      missing: referenceResolution - count,
      sorted: evenlySpaced(profile.sorted, count),
    };
  }
  if (profile.counts.size <= referenceResolution) return profile;
  const random = seededRandom(seedFor(1, column.name));
  return profileColumn(selectRows(column, randomRows(random, column.values.length, referenceResolution)));
}

/** `count` evenly spaced order statistics: the middle values of as many stretches of equal length. */
function evenlySpaced(sorted: Float64Array, count: number): Float64Array {
  const step = sorted.length / count;
  return Float64Array.from({ length: count }, (_, index) => sorted[Math.floor((index + 0.5) * step)] ?? 0);
}
