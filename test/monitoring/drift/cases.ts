import { readFileSync } from 'node:fs';
import { type Recipe, uniforms } from './recipe.ts';

interface ExpectedChiSquare {
  statistic: number;
  p_value: number;
  degrees: number;
  cramers_v: number;
}

interface ExpectedDistances {
  psi: number;
  kl_divergence: number;
  js_distance: number;
}

export interface NumericCase {
  name: string;
  reference: Recipe;
  current: Recipe;
  expected: ExpectedDistances & {
    n: number;
    m: number;
    statistic: number;
    p_value: number;
    exact: boolean;
    kind: 'ranges' | 'values';
    reference_bins: number[];
    current_bins: number[];
    wasserstein: number | null;
    standard_deviation: number;
    chi_square: ExpectedChiSquare | null;
  };
}

export interface CategoricalCase {
  name: string;
  reference: [string, number][];
  current: [string, number][];
  expected: ExpectedDistances & { chi_square: ExpectedChiSquare | null };
}

/** p-values as they are, or uniforms to an integer power, scaled and rounded up to one of `levels`. */
type PValuesRecipe =
  | { p_values: number[] }
  | { seed: number; size: number; power: number; scale?: number; levels?: number };

interface Cases {
  numeric: NumericCase[];
  categorical: CategoricalCase[];
  kolmogorov_tail: [size: number, x: number, tail: number][];
  chi_square_tail: [degrees: number, x: number, tail: number][];
  chi_square_quantile: [degrees: number, tail: number, x: number][];
  missing_share: [rows: number, missing: number, currentRows: number, currentMissing: number, p: number][];
  wilson: [successes: number, trials: number, level: number, low: number, high: number][];
  correction: { recipe: PValuesRecipe; bh: number[]; bonferroni: number[] }[];
}

const file = new URL('../../fixtures/drift/cases.json', import.meta.url);

/** What SciPy and statsmodels say; written by test/fixtures/drift/make_cases.py. */
export const cases: Cases = JSON.parse(readFileSync(file, 'utf8'));

export function pValuesOf(recipe: PValuesRecipe): number[] {
  if ('p_values' in recipe) return recipe.p_values;
  const { seed, size, power, scale = 1, levels } = recipe;
  const uniform = uniforms(seed);
  return Array.from({ length: size }, () => {
    const u = uniform();
    let p = 1;
    for (let factor = 0; factor < power; factor++) p *= u;
    p *= scale;
    return levels === undefined ? p : Math.ceil(p * levels) / levels;
  });
}

/** |actual − expected| relative to `expected`; values that are no normal numbers any more count as 0. */
export function relativeError(actual: number, expected: number): number {
  if (actual === expected || Math.max(Math.abs(actual), Math.abs(expected)) < 1e-300) return 0;
  return Math.abs(actual - expected) / Math.abs(expected);
}
