import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type ClassificationRows,
  estimatePerformance,
  fitEstimator,
  type PerformanceEstimator,
} from '../../../src/monitoring/performance/index.ts';
import { cases, expectClose } from './cases.ts';
import { classified } from './recipe.ts';

function fitted(rows: ClassificationRows): PerformanceEstimator {
  const result = fitEstimator(rows);
  if (result.estimator === null) throw new Error(result.note);
  return result.estimator;
}

const nothing = { classes: [], values: new Float64Array(0) };

describe.each(cases.cbpe)('estimatePerformance, $name', ({ reference, current, expected }) => {
  const estimator = fitted(classified(reference));
  const { predicted, probabilities = nothing } = classified(current);
  const result = estimatePerformance(estimator, { predicted, probabilities });

  it("agrees with NannyML's CBPE", () => {
    const used = estimator.calibrators.slice(expected.calibrated.length === 1 ? 1 : 0);
    expect(used.map((curve) => curve !== null)).toEqual(expected.calibrated);
    expectClose(result.accuracy.value, expected.accuracy);
    expectClose(result.accuracy.standard_error, expected.accuracy_error);
    expectClose(result.f1.value, expected.f1);
    // NannyML rounds counts to five digits on the way to the AUC.
    expectClose(result.roc_auc.value, expected.auc, 1e-6);
  });

  it('has standard errors of the delta method and of DeLong', () => {
    // The fixture differentiates numerically.
    expectClose(result.f1.standard_error, expected.f1_error, 1e-4);
    expectClose(result.roc_auc.standard_error, expected.auc_error, 1e-9);
  });

  // What came true in few rows may be far from what is likely.
  const isFew = 'size' in current && current.size < 5000;
  // Calibrating class by class does not calibrate several classes together: a shift then shows in the estimate.
  const isRough = estimator.positive_class === null && 'shift' in current;

  it.skipIf(isFew)(
    isRough ? 'is near what came true' : 'is near what came true, which is within its band',
    () => {
      const [accuracy, f1, auc] = expected.realised;
      for (const [{ value, band }, realised] of [
        [result.accuracy, accuracy],
        [result.f1, f1],
        [result.roc_auc, auc],
      ] as const) {
        expect(Math.abs((value ?? Number.NaN) - (realised ?? Number.NaN))).toBeLessThan(
          isRough ? 0.025 : 0.015,
        );
        if (isRough) continue;
        expect(band?.low).toBeLessThanOrEqual(realised ?? Number.NaN);
        expect(band?.high).toBeGreaterThanOrEqual(realised ?? Number.NaN);
      }
    },
  );
});

describe('fitEstimator', () => {
  it('gives an estimator that can be stored', () => {
    const estimator = fitted(classified({ seed: 1, size: 2000, classes: 2, overconfident: true }));
    const { predicted, probabilities = nothing } = classified({ seed: 2, size: 300, classes: 2 });
    const restored = JSON.parse(JSON.stringify(estimator));
    expect(estimatePerformance(restored, { predicted, probabilities })).toEqual(
      estimatePerformance(estimator, { predicted, probabilities }),
    );
  });

  it('draws from very many rows', () => {
    // 400 000 probabilities are learned from.
    const drawn = fitted(classified({ seed: 5, size: 11_000, classes: 40 }));
    expect(drawn.reference_rows).toBe(10_000);
    const all = fitted(classified({ seed: 5, size: 10_000, classes: 40 }));
    for (const metric of ['accuracy', 'f1', 'roc_auc'] as const)
      expect(drawn.deviations[metric]).toBeCloseTo(all.deviations[metric] ?? Number.NaN, 1);
  });

  it('wants enough rows, and probabilities of every class', () => {
    const few = fitEstimator(classified({ seed: 1, size: 99, classes: 2 }));
    expect(few).toEqual({
      estimator: null,
      note: 'The reference has 99 rows with probabilities and outcomes; 100 are needed.',
    });
    const { actual, predicted, probabilities } = classified({ seed: 1, size: 300, classes: 3 });
    const strange = fitEstimator({ actual: ['other', ...actual.slice(1)], predicted, probabilities });
    expect(strange).toEqual({
      estimator: null,
      note: 'The reference has classes that the model gives no probability for.',
    });
  });
});

describe('estimatePerformance', () => {
  const estimator = fitted(classified({ seed: 1, size: 1000, classes: 2, overconfident: true }));

  it('takes the probabilities in any order of the classes, or of one class', () => {
    const { predicted, probabilities = nothing } = classified({ seed: 3, size: 200, classes: 2 });
    const swapped = new Float64Array(400).map((_, cell) => probabilities.values[cell ^ 1] ?? 0);
    const plain = estimatePerformance(estimator, { predicted, probabilities });
    const turned = { classes: ['c01', 'c00'], values: swapped };
    expect(estimatePerformance(estimator, { predicted, probabilities: turned })).toEqual(plain);
    const one = { classes: ['c01'], values: swapped.filter((_, cell) => cell % 2 === 0) };
    expect(estimatePerformance(estimator, { predicted, probabilities: one })).toEqual(plain);
  });

  it('says why there is no estimate', () => {
    const none = estimatePerformance(estimator, { predicted: ['c00'], probabilities: nothing });
    expect(none.count).toBe(0);
    expect(none.accuracy).toEqual({
      value: null,
      standard_error: null,
      band: null,
      note: 'There are no rows.',
    });
    expect(none.notes).toHaveLength(1);
    const strange = { classes: ['x'], values: Float64Array.of(0.5) };
    expect(estimatePerformance(estimator, { predicted: ['c00'], probabilities: strange }).count).toBe(0);
  });

  it('answers anything with finite numbers within 0 … 1', () => {
    const input = fc.record({
      predicted: fc.array(fc.option(fc.constantFrom('c00', 'c01', 'x'), { nil: null }), { maxLength: 20 }),
      classes: fc.subarray(['c00', 'c01', 'x']),
      values: fc.array(fc.oneof(fc.double(), fc.constantFrom(0, 0.5, 1)), { maxLength: 60 }),
    });
    fc.assert(
      fc.property(input, ({ predicted, classes, values }) => {
        const result = estimatePerformance(estimator, {
          predicted,
          probabilities: { classes, values: Float64Array.from(values) },
        });
        expect(JSON.parse(JSON.stringify(result))).toEqual(result);
        for (const { value, note } of [result.accuracy, result.f1, result.roc_auc]) {
          if (value === null) expect(note).toBeTypeOf('string');
          else expect(value >= 0 && value <= 1 + 1e-12).toBe(true);
        }
      }),
    );
  });
});
