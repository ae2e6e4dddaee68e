import { describe, expect, it } from 'vitest';
import { chiSquareQuantile, chiSquareTail } from '../../src/statistics/chi_square_distribution.ts';
import { cases, relativeError } from '../monitoring/drift/cases.ts';

describe('the χ² distribution agrees with scipy.stats.chi2', () => {
  it('in its tail, from 1 − 1e-9 to 1e-250 and from 1 to 20 000 degrees of freedom', () => {
    for (const [degrees, x, tail] of cases.chi_square_tail) {
      expect(relativeError(chiSquareTail(x, degrees), tail), `${degrees}, ${x}`).toBeLessThan(1e-9);
    }
  });

  it('in its quantiles', () => {
    for (const [degrees, tail, x] of cases.chi_square_quantile) {
      // Near 1 a tail in floating point does not tell neighbouring quantiles apart.
      const tolerance = tail > 0.9999 ? 1e-6 : 1e-9;
      expect(relativeError(chiSquareQuantile(tail, degrees), x), `${degrees}, ${tail}`).toBeLessThan(
        tolerance,
      );
    }
  });
});
