import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { adjustPValues } from '../../../src/monitoring/drift/correction.ts';
import { cases, relativeError } from './cases.ts';

describe('adjustPValues', () => {
  it.each(cases.correction)('bh agrees with scipy.stats.false_discovery_control: $p_values', (example) => {
    adjustPValues(example.p_values, 'bh').forEach((adjusted, index) => {
      expect(relativeError(adjusted, example.adjusted[index] ?? Number.NaN)).toBeLessThan(1e-14);
    });
  });

  it('bonferroni multiplies, none leaves alone', () => {
    expect(adjustPValues([0.01, 0.4, 0.5], 'bonferroni')).toEqual([0.03, 1, 1]);
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
