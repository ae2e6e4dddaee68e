import type { CategoricalProfile, FeatureProfile, NumericProfile } from './profile.ts';

/** A feature profile as plain JSON: the sorted sample as an array, the categories as pairs. */
export type StoredProfile =
  | (Omit<NumericProfile, 'sorted'> & { sorted: number[] })
  | (Omit<CategoricalProfile, 'counts'> & { counts: [value: string, rows: number][] });

/** Turns a profile into what JSON.stringify keeps without loss. */
export function storeProfile(profile: FeatureProfile): StoredProfile {
  return profile.kind === 'numeric'
    ? { ...profile, sorted: Array.from(profile.sorted) }
    : { ...profile, counts: [...profile.counts] };
}

/** The inverse of {@link storeProfile}. */
export function restoreProfile(stored: StoredProfile): FeatureProfile {
  return stored.kind === 'numeric'
    ? { ...stored, sorted: Float64Array.from(stored.sorted) }
    : { ...stored, counts: new Map(stored.counts) };
}
