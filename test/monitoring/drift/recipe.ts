import { type NumericProfile, profileColumn } from '../../../src/monitoring/reference/profile.ts';

/** How to make a sample; the same as in test/fixtures/drift/make_cases.py, to the last bit. */
export type Recipe =
  | { values: (number | null)[] }
  | {
      kind: 'normal' | 'uniform' | 'heavy' | 'discrete' | 'constant';
      seed: number;
      size: number;
      shift?: number;
      scale?: number;
      levels?: number;
      missing_every?: number;
    };

/** A 32-bit linear congruential generator of numbers between 0 and 1, both excluded. */
export function uniforms(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(1664525, state) + 1013904223) >>> 0;
    return (state + 0.5) / 2 ** 32;
  };
}

/** A standard normal in all but the far tails: twelve uniforms, less six. */
export function nearlyNormal(uniform: () => number): number {
  let sum = 0;
  for (let term = 0; term < 12; term++) sum += uniform();
  return sum - 6;
}

/** The sample of a recipe, missing values as NaN. */
export function sampleOf(recipe: Recipe): Float64Array {
  if ('values' in recipe) return Float64Array.from(recipe.values, (value) => value ?? Number.NaN);
  const { kind, seed, size, shift = 0, scale = 1, levels = 1, missing_every } = recipe;
  const uniform = uniforms(seed);
  const raw = (): number => {
    switch (kind) {
      case 'normal':
        return nearlyNormal(uniform);
      case 'uniform':
        return uniform();
      case 'heavy': {
        const u = uniform();
        return (u - 0.5) / (u * (1 - u));
      }
      case 'discrete':
        return Math.floor(uniform() * levels);
      case 'constant':
        return 0;
    }
  };
  return Float64Array.from({ length: size }, (_, row) => {
    const value = raw() * scale + shift;
    return missing_every !== undefined && row % missing_every === 0 ? Number.NaN : value;
  });
}

/** The profile of a numeric sample. */
export function numericProfile(values: Float64Array, name = 'x'): NumericProfile {
  const profile = profileColumn({ name, kind: 'numeric', values });
  if (profile.kind !== 'numeric') throw new Error('a numeric column has a numeric profile');
  return profile;
}
