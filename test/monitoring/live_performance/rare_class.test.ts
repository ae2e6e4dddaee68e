import { describe, expect, test } from 'vitest';
import { measureArm } from '../../../src/monitoring/live_performance/arm.ts';
import { compareVersions } from '../../../src/monitoring/live_performance/compare_versions.ts';
import { type ComparableMetricName, compareArms } from '../../../src/monitoring/performance/index.ts';
import { seededRandom } from '../../../src/statistics/random.ts';

/** Calls of 50 rows, 1 % of them fraud. */
const [calls, usualRows] = [300, 50];

/** An arm of a version that says fraud in these shares of fraud and of the rest. */
function fraudArm(
  found: number,
  alarms: number,
  seed: number,
  metric: ComparableMetricName | undefined,
  rowsEach: number,
) {
  const random = seededRandom(seed);
  const rows = calls * rowsEach;
  const actual = Int32Array.from({ length: rows }, () => Number(random() < 0.01));
  const predicted = actual.map((isFraud) => Number(random() < (isFraud === 1 ? found : alarms)));
  const score = Float64Array.from(predicted, (said) => (said === 1 ? 0.55 : 0.02) + 0.4 * random());
  return measureArm(
    {
      rows,
      truncated: false,
      at: new Float64Array(),
      latencyMs: new Float64Array(),
      features: [],
      probabilities: [
        { label: 'ok', values: score.map((share) => 1 - share) },
        { label: 'fraud', values: score },
      ],
      errors: undefined,
      units: Int32Array.from({ length: rows }, (_, row) => Math.floor(row / rowsEach)),
      version: '1',
      compared: { kind: 'classes', classes: ['ok', 'fraud'], predicted, actual },
    },
    metric,
    ['ok', 'fraud'],
  );
}

function compare(metric?: ComparableMetricName, rowsEach = usualRows) {
  const split = {
    modelId: 'fraud',
    versions: [
      { version: '1', weight: 0.5 },
      { version: '2', weight: 0.5 },
    ],
    sticky: true,
    setAt: 0,
    since: 0,
    until: 1,
    baseline: '1',
    wasInterrupted: false,
  };
  const assigned = ['1', '2'].map((version) => ({
    version,
    units: calls,
    calls,
    errors: 0,
    errorRate: undefined,
  }));
  const arms = new Map([
    ['1', fraudArm(0.85, 0.02, 11, metric, rowsEach)],
    ['2', fraudArm(0, 0, 12, metric, rowsEach)],
  ]);
  const { comparisons, notes } = compareVersions(split, assigned, arms);
  return { quality: comparisons[0], notes };
}

describe('of 1 % fraud', () => {
  test('a version that never says fraud is more accurate, but no winner, and is said never to', () => {
    const { quality, notes } = compare();
    expect(quality?.metric).toBe('accuracy');
    expect(quality?.interval?.low).toBeGreaterThan(0);
    expect(quality?.verdict).toBeNull();
    expect(quality?.detail).toMatch(
      /B, the more accurate, is no winner: its recall of "fraud".* 0 against 0\.\d/,
    );
    expect(notes).toEqual([
      expect.stringMatching(/^Version 2 never predicts "fraud", which \d+ of its rows/),
      'No version is surely better than the others, so there is no winner.',
    ]);
  });

  test('recall and F1 name the one that finds it', () => {
    for (const metric of ['recall', 'f1'] as const) {
      const { quality } = compare(metric);
      expect(quality).toMatchObject({ metric, verdict: 'a_better' });
    }
    // Who asks for accuracy gets it.
    expect(compare('accuracy').quality?.verdict).toBe('b_better');
  });

  test('the AUC gets an interval and names no winner; what the model has not is said', () => {
    const { quality } = compare('roc_auc');
    expect(quality).toMatchObject({ metric: 'roc_auc', verdict: null });
    expect(quality?.interval?.low).toBeLessThan(quality?.difference ?? 0);
    expect(quality?.detail).toMatch(/names no winner: log_loss and brier do\.$/);
    expect(compare('precision').quality).toMatchObject({
      verdict: 'not_enough_data',
      detail: 'B: "fraud" was never predicted in the compared rows, so there is no precision of it.',
    });
    expect(compare('mae').quality?.detail).toBe(
      'mae is of numbers, and the model answers classes: choose accuracy, precision, recall, f1, log_loss, brier, roc_auc.',
    );
  });

  test('what is too few is named: rows of the class, and what units have of them', () => {
    expect(compare('recall', 20).quality?.detail).toMatch(
      /^A has \d\d rows of class "fraud" and B \d\d; each needs 100\.$/,
    );
    expect(compare('f1', 5).quality?.detail).toMatch(
      /^A has \d+ actual and predicted "fraud" and B \d\d; each/,
    );
    expect(compare(undefined, 0).quality?.detail).toBe(
      'A has 0 rows with an outcome and B 0; each needs 100.',
    );
    const errors = compareArms(
      { value: 0.001, variance: 1e-6, rows: 1000, units: 1000, events: { hits: 1, misses: 999 } },
      { value: 0.002, variance: 2e-6, rows: 1000, units: 1000, events: { hits: 2, misses: 998 } },
      { unitName: 'calls', names: { rows: 'calls', hits: 'errors', misses: 'none' } },
    );
    expect(errors.detail).toBe(
      'Of both arms together 3 calls have errors and 1997 have none: the smaller arm can expect fewer than 10 of one kind, which are too few to compare.',
    );
  });
});
