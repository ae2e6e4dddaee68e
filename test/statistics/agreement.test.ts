import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Agreement, type AnsweredPair, agreementSum } from '../../src/statistics/agreement.ts';

const of = (pairs: readonly AnsweredPair[]): Agreement => {
  const sum = agreementSum();
  for (const pair of pairs) sum.add(pair);
  return sum.finish();
};
const value = fc.oneof(fc.double({ min: -1e6, max: 1e6, noNaN: true }), fc.constant(Number.NaN));
const pair = fc.record({ agrees: fc.boolean(), one: value, other: value });

describe('agreement', () => {
  test('of known pairs', () => {
    expect(
      of([
        { agrees: true, one: 1, other: 1 },
        { agrees: false, one: 2, other: 5 },
        { agrees: false, one: 4, other: 2 },
        { agrees: false, one: Number.NaN, other: 7 },
      ]),
    ).toEqual({ rows: 4, agreed: 1, share: 0.25, meanDifference: 1 / 3, meanAbsoluteDifference: 5 / 3 });
  });

  test('of none has no share and no difference', () => {
    expect(of([])).toEqual({
      rows: 0,
      agreed: 0,
      share: null,
      meanDifference: null,
      meanAbsoluteDifference: null,
    });
  });

  test('is the plain mean over the pairs that are numbers', () => {
    fc.assert(
      fc.property(fc.array(pair, { minLength: 1 }), (pairs) => {
        const found = of(pairs);
        const apart = pairs.map(({ one, other }) => other - one).filter(Number.isFinite);
        const mean = (values: number[]) => values.reduce((sum, one) => sum + one, 0) / values.length;
        expect(found.rows).toBe(pairs.length);
        expect(found.share).toBe(pairs.filter(({ agrees }) => agrees).length / pairs.length);
        if (apart.length === 0) {
          expect(found.meanDifference).toBeNull();
          return;
        }
        expect(found.meanDifference).toBeCloseTo(mean(apart), 5);
        expect(found.meanAbsoluteDifference).toBeCloseTo(mean(apart.map(Math.abs)), 5);
      }),
    );
  });

  test('does not depend on the order, and changes only its sign when the sides do', () => {
    fc.assert(
      fc.property(fc.array(pair, { minLength: 1 }), (pairs) => {
        const found = of(pairs);
        const backwards = of(pairs.toReversed());
        const swapped = of(pairs.map(({ agrees, one, other }) => ({ agrees, one: other, other: one })));
        expect(backwards.share).toBe(found.share);
        expect(swapped.share).toBe(found.share);
        expect(backwards.meanDifference ?? 0).toBeCloseTo(found.meanDifference ?? 0, 6);
        expect(-(swapped.meanDifference ?? 0)).toBeCloseTo(found.meanDifference ?? 0, 6);
        expect(swapped.meanAbsoluteDifference ?? 0).toBeCloseTo(found.meanAbsoluteDifference ?? 0, 6);
      }),
    );
  });

  test('whose sum is beyond floating point is null, not infinite', () => {
    const far = { agrees: false, one: -1e308, other: 7e307 };
    expect(of([far, far])).toMatchObject({ share: 0, meanDifference: null, meanAbsoluteDifference: null });
  });
});
