import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { regressionPerformance } from '../../../src/monitoring/performance/index.ts';
import { cases, expectClose, expectRange } from './cases.ts';
import { regressed } from './recipe.ts';

describe('regressionPerformance agrees with scikit-learn and SciPy', () => {
  it.each(cases.regression)('$name', ({ recipe, expected }) => {
    const rows = regressed(recipe);
    const result = regressionPerformance(rows);
    expect(result.count).toBe(rows.actual.length);
    expectClose(result.metrics.mae?.value, expected.mae);
    expectRange(result.metrics.mae?.interval, expected.mae_interval, 1e-11);
    expectClose(result.metrics.rmse?.value, expected.rmse);
    expectClose(result.metrics.bias?.value, expected.bias);
    expectRange(result.metrics.bias?.interval, expected.bias_interval, 1e-11);
    expectClose(result.metrics.median_absolute_error?.value, expected.median);
    expectRange(result.metrics.median_absolute_error?.interval, expected.median_interval);
    if (expected.r2 === null) expect(result.metrics.r2?.value).toBeNull();
    else expectClose(result.metrics.r2?.value, expected.r2);
  });

  const bootstrapped = cases.regression.filter(({ expected }) => expected.rmse_bootstrap !== undefined);
  it.each(bootstrapped)(
    '$name: the ends of the bootstrap within a tenth of its width',
    ({ recipe, expected }) => {
      const { rmse, r2 } = regressionPerformance(regressed(recipe)).metrics;
      for (const [metric, range] of [
        [rmse, expected.rmse_bootstrap],
        [r2, expected.r2_bootstrap],
      ] as const) {
        const [low, high] = range ?? [Number.NaN, Number.NaN];
        expect(metric?.interval?.method).toBe('bootstrap');
        expect(Math.abs((metric?.interval?.low ?? 0) - low)).toBeLessThan(0.1 * (high - low));
        expect(Math.abs((metric?.interval?.high ?? 0) - high)).toBeLessThan(0.1 * (high - low));
      }
    },
  );
});

describe('regressionPerformance', () => {
  it('leaves out rows without a value, and says so', () => {
    const result = regressionPerformance({
      actual: Float64Array.of(1, Number.NaN, 3, 4),
      predicted: Float64Array.of(2, 2, Number.POSITIVE_INFINITY, 2),
    });
    expect(result.count).toBe(2);
    expect(result.metrics.mae?.value).toBe(1.5);
    expect(result.metrics.bias?.value).toBe(-0.5);
    expect(result.notes).toEqual(['2 rows without an actual or a predicted value were left out.']);
  });

  it('explains what has no value', () => {
    const result = regressionPerformance({ actual: Float64Array.of(2, 2), predicted: Float64Array.of(1, 3) });
    expect(result.metrics.r2).toEqual({
      value: null,
      interval: null,
      note: 'Every actual value is the same: there is nothing to explain.',
    });
    expect(
      regressionPerformance({ actual: new Float64Array(0), predicted: new Float64Array(0) }).metrics.rmse
        ?.note,
    ).toBe('There are no rows.');
  });

  it('gives the same numbers for the same rows', () => {
    const rows = regressed({ seed: 9, size: 200, scale: 1, offset: 0, centre: 0.5, noise: 1 });
    expect(regressionPerformance(rows)).toEqual(regressionPerformance(rows));
  });

  it('answers anything with finite numbers, each within its interval', () => {
    const numbers = fc.array(fc.oneof(fc.double(), fc.integer({ min: -2, max: 2 })), { maxLength: 30 });
    fc.assert(
      fc.property(numbers, numbers, (actual, predicted) => {
        const result = regressionPerformance({
          actual: Float64Array.from(actual),
          predicted: Float64Array.from(predicted),
        });
        for (const name of ['mae', 'rmse', 'r2', 'bias', 'median_absolute_error'] as const) {
          const { value, interval, note } = result.metrics[name] ?? {};
          if (typeof value !== 'number') {
            expect([value, interval, typeof note]).toEqual([null, null, 'string']);
            continue;
          }
          expect(value).toSatisfy(Number.isFinite);
          if (name !== 'bias' && name !== 'r2') expect(value).toBeGreaterThanOrEqual(0);
          if (!interval) continue;
          expect(interval.low).toSatisfy(Number.isFinite);
          expect(interval.high).toSatisfy(Number.isFinite);
          expect(interval.low <= value && value <= interval.high).toBe(true);
        }
      }),
      { numRuns: 400 },
    );
  });
});
