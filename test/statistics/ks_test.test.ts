import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { finiteValues } from '../../src/monitoring/rows/compared_column.ts';
import { ksTest } from '../../src/statistics/ks_test.ts';
import { cases, relativeError } from '../monitoring/drift/cases.ts';
import { sampleOf, uniforms } from '../monitoring/drift/recipe.ts';

function test(reference: Iterable<number>, current: Iterable<number>) {
  return ksTest(Float64Array.from(reference).sort(), Float64Array.from(current));
}

/** D by its definition: both distribution functions at every value. */
function distanceByDefinition(reference: number[], current: number[]): number {
  const share = (sample: number[], x: number) => sample.filter((value) => value <= x).length / sample.length;
  return Math.max(
    ...[...reference, ...current].map((x) => Math.abs(share(reference, x) - share(current, x))),
  );
}

describe('ksTest agrees with scipy.stats.ks_2samp', () => {
  it.each(cases.numeric)('$name', ({ reference, current, expected }) => {
    const result = ksTest(finiteValues(sampleOf(reference)).sort(), finiteValues(sampleOf(current)));
    expect(relativeError(result.statistic, expected.statistic)).toBeLessThanOrEqual(Number.EPSILON);
    const tolerance = expected.exact ? 1e-9 : 1e-6;
    expect(relativeError(result.p_value, expected.p_value)).toBeLessThan(tolerance);
  });
});

describe('ksTest', () => {
  // Few different values make ties, wide ones stress the grid of cells.
  const value = fc.oneof(
    fc.integer({ min: -3, max: 3 }),
    fc.double({ noNaN: true, noDefaultInfinity: true }),
  );
  const sample = fc.array(value, { minLength: 1, maxLength: 60 });

  it('finds the distance of the definition', () => {
    fc.assert(
      fc.property(sample, sample, (reference, current) => {
        expect(test(reference, current).statistic).toBeCloseTo(distanceByDefinition(reference, current), 14);
      }),
    );
  });

  it('gives 0 ≤ D ≤ 1 and 0 ≤ p ≤ 1, whichever sample is the reference and in whatever order', () => {
    fc.assert(
      fc.property(sample, sample, (reference, current) => {
        const { statistic, p_value } = test(reference, current);
        expect(statistic).toBeGreaterThanOrEqual(0);
        expect(statistic).toBeLessThanOrEqual(1);
        expect(p_value).toBeGreaterThanOrEqual(0);
        expect(p_value).toBeLessThanOrEqual(1);
        expect(test(current, reference)).toEqual({ statistic, p_value });
        expect(test(reference.toReversed(), current.toReversed())).toEqual({ statistic, p_value });
      }),
    );
  });

  it('sees only the order of the values', () => {
    const integers = fc.array(fc.integer({ min: -50, max: 50 }), { minLength: 1, maxLength: 60 });
    fc.assert(
      fc.property(integers, integers, (reference, current) => {
        const stretch = (x: number) => Math.exp(x / 3) + x;
        expect(test(reference.map(stretch), current.map(stretch))).toEqual(test(reference, current));
      }),
    );
  });

  it('takes the exact p-value to both sides of its limit nearly the same', () => {
    const uniform = uniforms(8);
    const draw = (size: number, shift: number) =>
      Float64Array.from({ length: size }, () => uniform() + shift);
    const current = draw(10_000, 0.02);
    const reference = draw(10_001, 0).sort();
    const exact = ksTest(reference.subarray(1), current).p_value;
    expect(relativeError(ksTest(reference, current).p_value, exact)).toBeLessThan(0.1);
  });
});
