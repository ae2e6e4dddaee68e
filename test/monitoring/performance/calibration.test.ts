import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { measureCalibration } from '../../../src/monitoring/performance/index.ts';
import { cases, expectClose, expectRange } from './cases.ts';
import { classified } from './recipe.ts';

/** P(second class), and whether it was the case. */
function secondClass(recipe: Parameters<typeof classified>[0]) {
  const { actual, classes, probabilities } = classified(recipe);
  return {
    probability: (probabilities?.values ?? new Float64Array(0)).filter((_, cell) => cell % 2 === 1),
    outcome: Uint8Array.from(actual, (label) => (label === classes[1] ? 1 : 0)),
  };
}

describe('measureCalibration agrees with scikit-learn and statsmodels', () => {
  const calibrated = cases.classification.filter(({ expected }) => expected.calibration !== undefined);
  it.each(calibrated)('$name', ({ recipe, expected }) => {
    const { probability, outcome } = secondClass(recipe);
    const result = measureCalibration(probability, outcome);
    expect(result.count).toBe(expected.count);
    expectClose(result.brier, expected.calibration?.brier ?? Number.NaN);
    for (const [ours, theirs] of [
      [result.equal_width, expected.calibration?.uniform],
      [result.equal_count, expected.calibration?.quantile],
    ] as const) {
      expect(ours?.bins.map(({ count }) => count)).toEqual(theirs?.bins.map(([count]) => count));
      expectClose(ours?.expected_calibration_error, theirs?.ece ?? Number.NaN);
      expectClose(ours?.reliability, theirs?.reliability ?? Number.NaN);
      expectClose(ours?.resolution, theirs?.resolution ?? Number.NaN);
      expectClose(ours?.uncertainty, theirs?.uncertainty ?? Number.NaN);
      ours?.bins.forEach((bin, index) => {
        const [, predicted, observed, low, high] = theirs?.bins[index] ?? [];
        expectClose(bin.mean_predicted, predicted ?? Number.NaN);
        expectClose(bin.observed, observed ?? Number.NaN);
        expectRange(bin.interval, [low ?? Number.NaN, high ?? Number.NaN]);
      });
    }
  });
});

describe('measureCalibration', () => {
  it('finds overconfidence', () => {
    const honest = secondClass({ seed: 4, size: 20_000, classes: 2 });
    const loud = secondClass({ seed: 4, size: 20_000, classes: 2, overconfident: true });
    const error = ({ probability, outcome }: typeof honest) =>
      measureCalibration(probability, outcome).equal_width?.expected_calibration_error;
    expect(error(honest)).toBeLessThan(0.015);
    expect(error(loud)).toBeGreaterThan(0.05);
  });

  it('splits the Brier score without remainder where each bin holds one probability', () => {
    const probability = Float64Array.from({ length: 300 }, (_, row) => [0.05, 0.45, 0.85][row % 3] ?? 0);
    const outcome = Uint8Array.from({ length: 300 }, (_, row) => (row % 7 < (row % 3) * 2 ? 1 : 0));
    const { equal_width } = measureCalibration(probability, outcome);
    expect(equal_width?.bins).toHaveLength(3);
    expect(equal_width?.within_bins).toBeCloseTo(0, 14);
  });

  it('says so when there is nothing to measure', () => {
    expect(measureCalibration(Float64Array.of(Number.NaN, 2), Uint8Array.of(1, 0))).toEqual({
      count: 0,
      brier: null,
      equal_width: null,
      equal_count: null,
      note: 'There are no rows with a probability and an outcome.',
    });
  });

  it('puts every row into one bin of either kind, whatever the rows', () => {
    const share = fc.oneof(fc.double(), fc.constantFrom(0, 0.1, 0.5, 1), fc.double({ min: 0, max: 1 }));
    const sample = fc.array(fc.tuple(share, fc.integer({ min: 0, max: 1 })), { maxLength: 60 });
    fc.assert(
      fc.property(sample, (rows) => {
        const result = measureCalibration(
          Float64Array.from(rows, ([probability]) => probability),
          Uint8Array.from(rows, ([, outcome]) => outcome),
        );
        expect(JSON.parse(JSON.stringify(result))).toEqual(result);
        for (const kind of [result.equal_width, result.equal_count]) {
          if (kind === null) continue;
          expect(kind.bins.reduce((sum, { count }) => sum + count, 0)).toBe(result.count);
          for (const { mean_predicted, low, high } of kind.bins) {
            expect(mean_predicted).toBeGreaterThanOrEqual(low - 1e-12);
            expect(mean_predicted).toBeLessThanOrEqual(high + 1e-12);
          }
          expect(kind.expected_calibration_error).toBeGreaterThanOrEqual(0);
        }
      }),
    );
  });
});
