import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import type { JudgedRows } from '../../src/backtest/judged_rows.ts';
import { pairedMetrics } from '../../src/backtest/paired_metrics.ts';
import { corrected, overallVerdict, refusalMetric } from '../../src/backtest/verdict.ts';
import { seededRandom } from '../../src/statistics/random.ts';
import { studentQuantile } from '../../src/statistics/student.ts';

const numbers = z.array(z.number());
const ratio = z.object({ one: z.number(), other: z.number(), standard_error: z.number() });
const cases = z
  .object({
    delong: z.object({
      actual: numbers,
      one: numbers,
      other: numbers,
      aucs: z.tuple([z.number(), z.number()]),
      standard_error: z.number(),
    }),
    classes: z.object({
      labels: z.tuple([numbers, numbers]),
      ratios: z.record(z.string(), ratio),
      losses: z.record(z.string(), z.number()),
      mcnemar: z.number(),
    }),
    numbers: z.object({
      actual: numbers,
      one: numbers,
      other: numbers,
      mae_p: z.number(),
      rmse: z.tuple([z.number(), z.number()]),
      rmse_standard_error: z.number(),
    }),
  })
  .parse(JSON.parse(readFileSync(new URL('../fixtures/statistics/paired.json', import.meta.url), 'utf8')));

const ofRows = (rows: number) => ({
  rows,
  units: Int32Array.from({ length: rows }, (_, row) => row),
  unitCount: rows,
});
const none = { classes: undefined, numbers: undefined, probabilities: undefined };
const shares = (scores: readonly number[]) =>
  Float64Array.from(scores.flatMap((score) => [1 - score, score]));
const names = ['no', 'yes'];

const classified: JudgedRows = {
  ...none,
  ...ofRows(cases.delong.actual.length),
  classes: {
    actual: Int32Array.from(cases.delong.actual),
    incumbent: Int32Array.from(cases.classes.labels[0]),
    candidate: Int32Array.from(cases.classes.labels[1]),
  },
  probabilities: { incumbent: shares(cases.delong.one), candidate: shares(cases.delong.other) },
};
const measured = (judged: JudgedRows) =>
  new Map(pairedMetrics(judged, names, names, names).map((metric) => [metric.metric, metric]));
/** The standard error that an interval of that many units was made of. */
const errorOf = (interval: { low: number; high: number } | null | undefined, units: number) =>
  interval ? (interval.high - interval.low) / 2 / studentQuantile(units - 1) : Number.NaN;

describe('two classifiers on the same rows', () => {
  const found = measured(classified);
  const rows = classified.rows;

  test('accuracy is tested as statsmodels’ mcnemar does', () => {
    expect(found.get('accuracy')).toMatchObject({ test: 'mcnemar_exact' });
    expect(found.get('accuracy')?.pValue).toBeCloseTo(cases.classes.mcnemar, 9);
  });

  test.each(Object.entries(cases.classes.losses))('%s is tested as SciPy’s ttest_rel does', (name, p) => {
    const metric = found.get(name === 'brier' ? 'brier' : 'log_loss');
    expect(Math.abs((metric?.pValue ?? 1) / p - 1)).toBeLessThan(1e-6);
  });

  test('the AUCs and their difference are scikit-learn’s and DeLong’s', () => {
    const { aucs, standard_error } = cases.delong;
    expect(found.get('roc_auc')?.incumbent).toBeCloseTo(aucs[0], 12);
    expect(found.get('roc_auc')?.candidate).toBeCloseTo(aucs[1], 12);
    expect(errorOf(found.get('roc_auc')?.interval, rows) / standard_error - 1).toBeCloseTo(0, 2);
    expect(found.get('roc_auc')?.verdict).toBeNull();
  });

  test.each(Object.entries(cases.classes.ratios))(
    '%s is scikit-learn’s, its spread the jackknife’s',
    (name, wanted) => {
      const metric = [...found.values()].find((one) => one.metric === name);
      expect(metric?.incumbent).toBeCloseTo(wanted.one, 12);
      expect(metric?.candidate).toBeCloseTo(wanted.other, 12);
      expect(Math.abs(errorOf(metric?.interval, rows) / wanted.standard_error - 1)).toBeLessThan(0.02);
    },
  );

  test('the same answers are no difference, and few that differ are no evidence', () => {
    const { classes: given } = classified;
    if (given === undefined) throw new Error('no classes');
    const classes = { ...given, candidate: given.incumbent };
    const alike = measured({ ...classified, classes });
    expect(alike.get('f1')).toMatchObject({ pValue: 1, verdict: 'no_difference_shown' });
    expect(alike.get('f1')?.interval?.high).toBeGreaterThan(0);
    const candidate = classes.incumbent.slice();
    for (let row = 0; row < 5; row++) candidate[row] = 1 - (candidate[row] ?? 0);
    const near = measured({ ...classified, classes: { ...classes, candidate } });
    expect(near.get('f1')).toMatchObject({ pValue: null, verdict: 'not_enough_data' });
    expect(near.get('f1')?.detail).toContain('5 of 400 units');
  });

  test('rows of few units are few, however many they are', () => {
    const units = classified.units.map((row) => row % 20);
    const found = measured({ ...classified, units, unitCount: 20 });
    expect([...found.values()].map(({ verdict }) => verdict)).toEqual(
      [...found.values()].map(() => 'not_enough_data'),
    );
  });
});

test('two regressors on the same rows', () => {
  const { actual, one, other, mae_p, rmse, rmse_standard_error } = cases.numbers;
  const found = measured({
    ...none,
    ...ofRows(actual.length),
    numbers: {
      actual: Float64Array.from(actual),
      incumbent: Float64Array.from(one),
      candidate: Float64Array.from(other),
    },
  });
  expect(Math.abs((found.get('mae')?.pValue ?? 1) / mae_p - 1)).toBeLessThan(1e-8);
  expect(found.get('rmse')?.incumbent).toBeCloseTo(rmse[0], 12);
  expect(found.get('rmse')?.candidate).toBeCloseTo(rmse[1], 12);
  const error = errorOf(found.get('rmse')?.interval, actual.length);
  expect(Math.abs(error / rmse_standard_error - 1)).toBeLessThan(0.02);
});

describe('the verdict', () => {
  const says = (judged: JudgedRows, refusals = { onlyIncumbent: 0, onlyCandidate: 0, both: 0 }) =>
    overallVerdict(corrected([...measured(judged).values(), ...refusalMetric(judged.rows, refusals)]));

  /** Two scores of the same rows, the candidate's with less noise than the incumbent's or more. */
  function drawn(seed: number, rows: number, strengths: readonly [number, number]): JudgedRows {
    const random = seededRandom(seed);
    const normal = () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
    const actual = new Int32Array(rows);
    const scores: [number[], number[]] = [[], []];
    for (let row = 0; row < rows; row++) {
      actual[row] = Number(random() < 0.4);
      const base = normal();
      strengths.forEach((strength, side) => {
        const raw = strength * (actual[row] === 1 ? 1 : -1) + 0.8 * base + 0.6 * normal();
        scores[side]?.push(1 / (1 + Math.exp(-raw)));
      });
    }
    const labels = (of: readonly number[]) => Int32Array.from(of, (score) => Number(score > 0.5));
    return {
      ...none,
      ...ofRows(rows),
      classes: { actual, incumbent: labels(scores[0]), candidate: labels(scores[1]) },
      probabilities: { incumbent: shares(scores[0]), candidate: shares(scores[1]) },
    };
  }

  test('of versions that are equally good names one in at most 5 of 100 backtests', () => {
    let named = 0;
    const runs = 400;
    for (let run = 0; run < runs; run++)
      named += Number(says(drawn(run + 1, 200, [0.6, 0.6])).verdict !== 'no_difference_shown');
    // 400 runs at 5 %: 20 and four standard errors at most.
    expect(named).toBeLessThanOrEqual(37);
  });

  test('finds which is better, either way', () => {
    expect(says(drawn(7, 2000, [0.5, 0.8])).verdict).toBe('better');
    expect(says(drawn(7, 2000, [0.8, 0.5]))).toMatchObject({
      verdict: 'worse',
      reason: expect.stringMatching(/^The candidate is worse by accuracy \(0\.\d+ → 0\.\d+\)/),
    });
  });

  test('a version that refuses rows is not better for it', () => {
    const refusals = { onlyIncumbent: 0, onlyCandidate: 40, both: 2 };
    expect(says(drawn(7, 2000, [0.5, 0.8]), refusals).verdict).toBe('mixed');
  });

  test('without outcomes there is none', () => {
    expect(overallVerdict([])).toMatchObject({
      verdict: 'not_comparable',
      reason: expect.stringContaining('No replayed row has an outcome'),
    });
  });
});
