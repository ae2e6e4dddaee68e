import { describe, expect, it } from 'vitest';
import { countSampler, drawRowWeights } from '../../../src/statistics/bootstrap.ts';
import { sequenceFactor } from '../../../src/statistics/confidence_sequence.ts';
import { seededRandom } from '../../../src/statistics/random.ts';
import { studentFromNormal, studentQuantile } from '../../../src/statistics/student.ts';
import { wilsonInterval } from '../../../src/statistics/wilson.ts';
import { cases, expectClose, expectRange } from './cases.ts';

describe('intervals', () => {
  it.each(cases.wilson)("Wilson's of %d in %d is statsmodels'", (successes, trials, low, high) => {
    expectRange(wilsonInterval(successes, trials), [low, high]);
  });

  it.each(cases.student)("Student's t with %d degrees is SciPy's", (degrees, quantile) => {
    expectClose(studentQuantile(degrees), quantile);
  });

  // scipy.stats.t.isf(scipy.stats.norm.sf(z), degrees)
  it.each([
    [3, 18, 3.4755],
    [4, 18, 5.1774],
    [5, 18, 7.5308],
    [4, 38, 4.4953],
    [5, 100, 5.3442],
  ])("normal %d as of %d degrees is near SciPy's, and not below", (z, degrees, expected) => {
    const found = studentFromNormal(z, degrees);
    expect(found).toBeGreaterThan(expected - 0.0005);
    expect(found).toBeLessThan(expected * 1.005);
  });

  it.each(cases.sequence)(
    'the confidence sequence at %d rows, tuned for %d, level %d, is where the mixture reaches 1/level',
    (count, tunedFor, level, halfWidth) => {
      expectClose(sequenceFactor(count, tunedFor, level) / Math.sqrt(count), halfWidth, 1e-9);
    },
  );
});

describe('resampling weights', () => {
  const moments = (values: ArrayLike<number>) => {
    const numbers = Array.from(values);
    const mean = numbers.reduce((sum, value) => sum + value, 0) / numbers.length;
    return { mean, variance: numbers.reduce((sum, value) => sum + (value - mean) ** 2, 0) / numbers.length };
  };

  it('of rows have mean and variance 1', () => {
    const weights = new Uint8Array(200_000);
    drawRowWeights(seededRandom(1), weights);
    const { mean, variance } = moments(weights);
    expect(mean).toBeCloseTo(1, 2);
    expect(Math.abs(variance - 1)).toBeLessThan(0.02);
  });

  it.each([1, 2, 7, 100, 5000])('of %d alike rows have that mean and variance', (count) => {
    const sample = countSampler(seededRandom(count), count);
    const { mean, variance } = moments(Array.from({ length: 20_000 }, sample));
    expect(Math.abs(mean / count - 1)).toBeLessThan(4 / Math.sqrt(20_000 * count));
    expect(Math.abs(variance / count - 1)).toBeLessThan(0.06);
  });
});
