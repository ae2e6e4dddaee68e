import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { binCategories, binNumbers } from '../../../src/monitoring/drift/bins.ts';
import {
  chiSquareTest,
  mergeThinRanges,
  poolThinValues,
} from '../../../src/monitoring/drift/methods/contingency_table.ts';
import { finiteValues } from '../../../src/monitoring/rows/compared_column.ts';
import { cases, relativeError } from './cases.ts';
import { numericProfile, sampleOf } from './recipe.ts';

const binned = [
  ...cases.numeric.map(({ name, reference, current, expected }) => ({
    name,
    expected: expected.chi_square,
    bins: binNumbers(numericProfile(sampleOf(reference)), finiteValues(sampleOf(current))),
  })),
  ...cases.categorical.map(({ name, reference, current, expected }) => ({
    name,
    expected: expected.chi_square,
    bins: binCategories(
      { name, kind: 'categorical', count: 0, missing: 0, counts: new Map(reference) },
      new Map(current),
    ),
  })),
];

describe('chiSquareTest agrees with scipy.stats.chi2_contingency', () => {
  it.each(binned)('$name', ({ bins, expected }) => {
    const test = chiSquareTest(bins);
    if (expected === null || test === undefined) {
      expect(test).toBeUndefined();
      expect(expected).toBeNull();
      return;
    }
    expect(test.degrees).toBe(expected.degrees);
    expect(Math.abs(test.statistic - expected.statistic)).toBeLessThan(
      1e-9 * Math.max(1, expected.statistic),
    );
    expect(relativeError(test.p_value, expected.p_value)).toBeLessThan(1e-9);
    expect(Math.abs(test.cramers_v - expected.cramers_v)).toBeLessThan(1e-9);
  });
});

describe('chiSquareTest', () => {
  const values = (reference: number[], current: number[]) =>
    ({
      kind: 'values',
      reference: Float64Array.from(reference),
      current: Float64Array.from(current),
    }) as const;

  it('pools rare values by what both sides let one expect', () => {
    expect(poolThinValues(values([900, 80, 3, 4], [440, 50, 6, 9]))).toEqual([
      [900, 440],
      [80, 50],
      [7, 15],
    ]);
  });

  it('merges neighbouring ranges by what the reference lets one expect', () => {
    const reference = new Float64Array(10).fill(100);
    const current = Float64Array.of(0, 8, 4, 4, 4, 4, 4, 4, 4, 4);
    const merged = mergeThinRanges({ kind: 'ranges', reference, current });
    expect(merged.slice(0, 2)).toEqual([
      [200, 8],
      [200, 8],
    ]);
    expect(merged).toHaveLength(5);
  });

  it("balances Cramér's V for unequal sizes and leaves it alone for equal ones", () => {
    const equal = chiSquareTest(values([500, 500], [400, 600]));
    expect(equal?.balanced_v).toBeCloseTo(equal?.cramers_v ?? 0, 12);
    const unequal = chiSquareTest(values([50_000, 50_000], [40, 160]));
    expect(unequal?.cramers_v).toBeLessThan(0.03);
    expect(unequal?.balanced_v).toBeGreaterThan(0.3);
  });

  it('keeps p and V between 0 and 1', () => {
    const counts = fc.array(fc.integer({ min: 0, max: 500 }), { minLength: 8, maxLength: 8 });
    fc.assert(
      fc.property(counts, counts, (reference, current) => {
        const test = chiSquareTest(values([...reference, 1], [...current, 1]));
        if (test === undefined) return;
        for (const share of [test.p_value, test.cramers_v, test.balanced_v]) {
          expect(share).toBeGreaterThanOrEqual(0);
          expect(share).toBeLessThanOrEqual(1);
        }
        expect(test.balanced_v).toBeGreaterThanOrEqual(test.cramers_v * (1 - 1e-12));
      }),
    );
  });
});
