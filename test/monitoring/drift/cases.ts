import { readFileSync } from 'node:fs';
import type { Recipe } from './recipe.ts';

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

interface Cases {
  numeric: NumericCase[];
  categorical: CategoricalCase[];
  kolmogorov_tail: [size: number, x: number, tail: number][];
  chi_square_tail: [degrees: number, x: number, tail: number][];
  chi_square_quantile: [degrees: number, tail: number, x: number][];
  missing_share: [rows: number, missing: number, currentRows: number, currentMissing: number, p: number][];
  wilson: [successes: number, trials: number, level: number, low: number, high: number][];
  correction: { p_values: number[]; adjusted: number[] }[];
}

const file = new URL('../../fixtures/drift/cases.json', import.meta.url);

/** What SciPy says; written by test/fixtures/drift/make_cases.py. */
export const cases: Cases = JSON.parse(readFileSync(file, 'utf8'));

/** |actual − expected| relative to `expected`; values that are no normal numbers any more count as 0. */
export function relativeError(actual: number, expected: number): number {
  if (actual === expected || Math.max(Math.abs(actual), Math.abs(expected)) < 1e-300) return 0;
  return Math.abs(actual - expected) / Math.abs(expected);
}
