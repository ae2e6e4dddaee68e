import { type Column, type FeatureProfile, profileColumn } from './drift/index.ts';
import { seededRandom, seedFor } from './drift/random.ts';
import { randomRows } from './drift/random_rows.ts';
import { selectRows } from './drift/select_rows.ts';

/**
 * What a reference keeps of one column. Up to so many rows everything: the sorted sample, or the rows of each
 * category. Of more rows it keeps this many order statistics of all values, evenly spaced: as sharp as a sample of
 * this size can be, a distance between distribution functions within 1e-5 of that to all rows. Categories are counted
 * over all rows, unless there are more different ones than this: then over so many rows, drawn at random.
 */
export const referenceResolution = 100_000;

/** @param seed of the rows that are drawn */
export function profileReference(column: Column, seed = 1): FeatureProfile {
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
  const random = seededRandom(seedFor(seed, column.name));
  return profileColumn(selectRows(column, randomRows(random, column.values.length, referenceResolution)));
}

/** `count` of the sorted values: those in the middle of as many stretches of equal length. */
function evenlySpaced(sorted: Float64Array, count: number): Float64Array {
  const step = sorted.length / count;
  return Float64Array.from({ length: count }, (_, index) => sorted[Math.floor((index + 0.5) * step)] ?? 0);
}
