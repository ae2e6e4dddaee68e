import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { adjustPValues } from '../../src/statistics/correction.ts';
import { cases, pValuesOf, relativeError } from '../monitoring/drift/cases.ts';

describe('adjustPValues', () => {
  it.each(cases.correction)(
    'agrees with false_discovery_control and multipletests: $recipe',
    ({ recipe, bh, bonferroni }) => {
      const pValues = pValuesOf(recipe);
      for (const [correction, expected] of [
        ['bh', bh],
        ['bonferroni', bonferroni],
      ] as const) {
        const adjusted = adjustPValues(pValues, correction);
        expect(adjusted).toHaveLength(expected.length);
        adjusted.forEach((p, index) => {
          expect(relativeError(p, expected[index] ?? Number.NaN)).toBeLessThan(1e-14);
        });
      }
    },
  );

  it('none leaves them alone, and nothing is nothing', () => {
    expect(adjustPValues([0.01, 0.4], 'none')).toEqual([0.01, 0.4]);
    expect(adjustPValues([], 'bh')).toEqual([]);
  });

  it('lies between p and bonferroni, in the order of p', () => {
    const p = fc.double({ min: 0, max: 1, noNaN: true });
    fc.assert(
      fc.property(fc.array(p, { minLength: 1, maxLength: 30 }), (pValues) => {
        const bonferroni = adjustPValues(pValues, 'bonferroni');
        adjustPValues(pValues, 'bh').forEach((adjusted, index) => {
          expect(adjusted).toBeGreaterThanOrEqual(pValues[index] ?? 0);
          expect(adjusted).toBeLessThanOrEqual(bonferroni[index] ?? 1);
        });
        const ascending = adjustPValues(
          pValues.toSorted((a, b) => a - b),
          'bh',
        );
        expect(ascending).toEqual(ascending.toSorted((a, b) => a - b));
      }),
    );
  });
});
