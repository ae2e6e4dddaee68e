import { readFileSync } from 'node:fs';
import { expect } from 'vitest';
import type { ClassifiedRecipe, RegressedRecipe } from './recipe.ts';

type Range = [low: number, high: number];

interface ExpectedReliability {
  bins: [count: number, predicted: number, observed: number, low: number, high: number][];
  ece: number;
  reliability: number;
  resolution: number;
  uncertainty: number;
}

interface ClassificationCase {
  name: string;
  recipe: ClassifiedRecipe;
  expected: {
    count: number;
    accuracy: number;
    accuracy_interval: Range;
    macro: [precision: number, recall: number, f1: number];
    weighted: [precision: number, recall: number, f1: number];
    labels?: string[];
    per_class?: [precision: number, recall: number, f1: number, support: number][];
    confusion?: number[][];
    log_loss?: number;
    log_loss_interval?: Range | null;
    brier?: number;
    brier_interval?: Range | null;
    auc?: number;
    auc_interval?: { method: string; low: number; high: number };
    auc_error?: number | null;
    calibration?: { brier: number; uniform: ExpectedReliability; quantile: ExpectedReliability };
  };
}

interface RegressionCase {
  name: string;
  recipe: RegressedRecipe;
  expected: {
    mae: number;
    mae_interval: Range | null;
    rmse: number;
    r2: number | null;
    bias: number;
    bias_interval: Range | null;
    median: number;
    median_interval: Range | null;
    rmse_bootstrap?: Range;
    r2_bootstrap?: Range;
  };
}

interface EstimateCase {
  name: string;
  reference: ClassifiedRecipe;
  current: ClassifiedRecipe;
  expected: {
    calibrated: boolean[];
    accuracy: number;
    accuracy_error: number;
    f1: number;
    f1_error: number;
    auc: number;
    auc_error: number;
    /** null where the rows have one class only. */
    realised: [accuracy: number, f1: number, auc: number | null];
  };
}

interface Cases {
  classification: ClassificationCase[];
  regression: RegressionCase[];
  cbpe: EstimateCase[];
  wilson: [successes: number, trials: number, low: number, high: number][];
  student: [degrees: number, quantile: number][];
  sequence: [count: number, tunedFor: number, level: number, halfWidth: number][];
  sample_ratio: [calls: number[], weights: number[], p: number][];
  difference: [x: number, n: number, y: number, m: number, low: number, high: number][];
}

const file = new URL('../../fixtures/performance/cases.json', import.meta.url);

/** What scikit-learn, SciPy, statsmodels and NannyML say; written by test/fixtures/performance/make_cases.py. */
export const cases: Cases = JSON.parse(readFileSync(file, 'utf8'));

/** Agreement of closed formulas: 1e-12 relative, and as much absolute near zero. */
export function expectClose(actual: number | null | undefined, expected: number, tolerance = 1e-12): void {
  expect(actual).toBeTypeOf('number');
  const error = Math.abs((actual ?? Number.NaN) - expected);
  expect(error, `${actual} instead of ${expected}`).toBeLessThanOrEqual(
    tolerance * Math.max(Math.abs(expected), 1e-3),
  );
}

/** {@link expectClose} of both ends; null on both sides agrees too. */
export function expectRange(
  actual: { low: number; high: number } | null | undefined,
  expected: Range | null,
  tolerance = 1e-12,
): void {
  if (expected === null) {
    expect(actual).toBeNull();
    return;
  }
  expectClose(actual?.low, expected[0], tolerance);
  expectClose(actual?.high, expected[1], tolerance);
}
