import { describe, expect, it } from 'vitest';
import { compareColumns } from '../../../src/monitoring/drift/compare.ts';
import type { DriftResult } from '../../../src/monitoring/drift/index.ts';
import type { DriftMethod } from '../../../src/monitoring/drift/methods/index.ts';
import { measureCategories, measureNumbers, methodFor } from '../../../src/monitoring/drift/methods/index.ts';
import { minimumRows } from '../../../src/monitoring/drift/verdict.ts';
import { profileColumn } from '../../../src/monitoring/reference/profile.ts';
import {
  type ComparedColumn,
  countValues,
  finiteValues,
} from '../../../src/monitoring/rows/compared_column.ts';
import { type CategoricalCase, cases, type NumericCase, relativeError } from './cases.ts';
import { sampleOf } from './recipe.ts';

/**
 * What a report says, from the raw values on, against what the fixture's script made of the same raw values: its own
 * deciles, bins, pooling and statistics.
 */
const distances = ['psi', 'kl_divergence', 'js_distance'] as const;

type Measured = Pick<DriftResult, 'method' | 'score' | 'p_value' | 'effect' | 'note'>;

/** What a report says; of fewer rows than it gives a verdict on, what the method alone measures. */
function report(reference: ComparedColumn, current: ComparedColumn, method: 'auto' | DriftMethod): Measured {
  if (Math.min(reference.values.length, current.values.length) < minimumRows)
    return measured(reference, current, method);
  const options = { method, correction: 'none', significance: 0.05 } as const;
  const [result] = compareColumns([profileColumn(reference)], [current], options);
  if (result === undefined) throw new Error('a feature has a result');
  return result;
}

function measured(
  reference: ComparedColumn,
  current: ComparedColumn,
  wanted: 'auto' | DriftMethod,
): Measured {
  const profile = profileColumn(reference);
  const method = methodFor(profile.kind, wanted);
  const measurement =
    profile.kind === 'numeric' && current.kind === 'numeric'
      ? measureNumbers(profile, finiteValues(current.values), method)
      : profile.kind !== 'numeric' && current.kind !== 'numeric'
        ? measureCategories(profile, countValues(current.values), method)
        : undefined;
  if (measurement === undefined) throw new Error('both sides are of one kind');
  return measurement.kind === 'test' ? measurement : { ...measurement, p_value: null, effect: null };
}

const columnOf = (values: Float64Array): ComparedColumn => ({ name: 'x', kind: 'numeric', values });

function categoriesOf(counts: readonly [string, number][]): ComparedColumn {
  const values = counts.flatMap(([category, rows]) => new Array<string>(rows).fill(category));
  return { name: 'x', kind: 'categorical', values };
}

function expectDistance(actual: number | null, expected: number, isRoot = false): void {
  const error = Math.abs((actual ?? Number.NaN) - expected);
  // The root of what rounding leaves of a divergence of like samples is larger than that.
  const tolerance = isRoot && expected < 1e-4 ? 1e-7 : 1e-12;
  expect(error).toBeLessThan(tolerance * Math.max(1, expected));
}

function expectChiSquare(result: Measured, { expected }: NumericCase | CategoricalCase): void {
  const { chi_square: test } = expected;
  if (test === null && result.method === 'psi') {
    expect(result.note).toContain('psi used instead');
    expectDistance(result.score, expected.psi);
    return;
  }
  expect(result.method).toBe('chi_square');
  if (test === null) {
    // One value on both sides.
    expect(result).toMatchObject({ score: 0, p_value: 1 });
    return;
  }
  expect(Math.abs((result.score ?? Number.NaN) - test.statistic)).toBeLessThan(
    1e-9 * Math.max(1, test.statistic),
  );
  expect(relativeError(result.p_value ?? Number.NaN, test.p_value)).toBeLessThan(1e-9);
  expectDistance(result.effect, test.cramers_v, true);
}

describe('a report on numbers agrees with SciPy, from the raw values on', () => {
  it.each(cases.numeric)('$name', (one) => {
    const { expected } = one;
    const [before, now] = [columnOf(sampleOf(one.reference)), columnOf(sampleOf(one.current))];
    for (const method of ['auto', 'ks_test'] as const) {
      const result = report(before, now, method);
      expect(result.method).toBe('ks_test');
      expect(relativeError(result.score ?? Number.NaN, expected.statistic)).toBeLessThanOrEqual(
        Number.EPSILON,
      );
      expect(relativeError(result.p_value ?? Number.NaN, expected.p_value)).toBeLessThan(
        expected.exact ? 1e-9 : 1e-6,
      );
      expect(result.effect).toBe(result.score);
    }
    for (const method of distances)
      expectDistance(report(before, now, method).score, expected[method], method === 'js_distance');
    const moved = report(before, now, 'wasserstein');
    if (expected.wasserstein === null) expect(moved.method).toBe('ks_test');
    else expect(relativeError(moved.score ?? Number.NaN, expected.wasserstein)).toBeLessThan(1e-12);
    expectChiSquare(report(before, now, 'chi_square'), one);
  });
});

describe('a report on categories agrees with SciPy', () => {
  it.each(cases.categorical)('$name', (one) => {
    const [before, now] = [categoriesOf(one.reference), categoriesOf(one.current)];
    for (const method of ['auto', 'chi_square', 'ks_test', 'wasserstein'] as const)
      expectChiSquare(report(before, now, method), one);
    for (const method of distances)
      expectDistance(report(before, now, method).score, one.expected[method], method === 'js_distance');
  });
});

describe('the cases', () => {
  it('are sixty or more a method', () => {
    const { numeric, categorical } = cases;
    const all = [...numeric, ...categorical];
    expect(numeric.length).toBeGreaterThanOrEqual(60);
    expect(numeric.filter(({ expected }) => expected.wasserstein !== null).length).toBeGreaterThanOrEqual(60);
    expect(all.filter(({ expected }) => expected.chi_square !== null).length).toBeGreaterThanOrEqual(60);
  });

  it('are of one to 100 000 rows', () => {
    const sizes = cases.numeric.flatMap(({ expected: { n, m } }) => [n, m]);
    expect(Math.min(...sizes)).toBe(1);
    expect(Math.max(...sizes)).toBe(100_000);
  });
});
