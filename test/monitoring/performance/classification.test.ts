import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type ClassificationRows,
  classificationPerformance,
} from '../../../src/monitoring/performance/index.ts';
import { cases, expectClose, expectRange } from './cases.ts';
import { classified } from './recipe.ts';

describe('classificationPerformance agrees with scikit-learn, SciPy and statsmodels', () => {
  it.each(cases.classification)('$name', ({ recipe, expected }) => {
    const rows = classified(recipe);
    const result = classificationPerformance(rows, { classes: rows.classes });
    expect(result.count).toBe(expected.count);
    expect(result.task).toBe(rows.classes.length === 2 ? 'binary' : 'multiclass');
    expectClose(result.metrics.accuracy?.value, expected.accuracy);
    expectRange(result.metrics.accuracy?.interval, expected.accuracy_interval);
    for (const average of ['macro', 'weighted'] as const) {
      const [precision, recall, f1] = expected[average];
      expectClose(result[average].precision.value, precision);
      expectClose(result[average].recall.value, recall);
      expectClose(result[average].f1.value, f1);
    }
    if (expected.labels !== undefined) {
      expect(result.confusion_matrix).toEqual({
        labels: expected.labels,
        counts: expected.confusion,
        merged: 0,
      });
      expect(result.per_class.map(({ label }) => label)).toEqual(expected.labels);
      result.per_class.forEach((one, index) => {
        const [precision, recall, f1, support] = expected.per_class?.[index] ?? [];
        expect(one.support).toBe(support);
        // What scikit-learn calls 0 for want of rows is null here.
        expect(one.precision.value === null).toBe(one.predicted === 0);
        expect(one.recall.value === null).toBe(one.support === 0);
        expectClose(one.precision.value ?? 0, precision ?? Number.NaN);
        expectClose(one.recall.value ?? 0, recall ?? Number.NaN);
        expectClose(one.f1.value, f1 ?? Number.NaN);
      });
    }
    if (expected.log_loss === undefined || expected.brier === undefined) {
      for (const metric of [result.metrics.log_loss, result.metrics.brier, result.metrics.roc_auc])
        expect(metric).toEqual({ value: null, interval: null, note: 'No row has probabilities.' });
      return;
    }
    expectClose(result.metrics.log_loss?.value, expected.log_loss);
    expectRange(result.metrics.log_loss?.interval, expected.log_loss_interval ?? null, 1e-11);
    expectClose(result.metrics.brier?.value, expected.brier);
    expectRange(result.metrics.brier?.interval, expected.brier_interval ?? null, 1e-11);
    if (expected.auc === undefined) {
      if (result.task === 'binary') expect(result.metrics.roc_auc?.value).toBeNull();
      else expect(result.metrics.roc_auc?.note).toContain('Without');
      return;
    }
    expectClose(result.metrics.roc_auc?.value, expected.auc);
    if (expected.auc_interval !== undefined) {
      const { method, low, high } = expected.auc_interval;
      expect(result.metrics.roc_auc?.interval?.method).toBe(method);
      expectRange(result.metrics.roc_auc?.interval, [low, high], 1e-9);
    }
    if (expected.auc_error !== undefined && expected.auc_error !== null) {
      // The half width of the interval on the logit scale is z standard errors.
      const { low, high } = result.metrics.roc_auc?.interval ?? { low: Number.NaN, high: Number.NaN };
      const logit = (p: number) => Math.log(p / (1 - p));
      const half = (logit(high) - logit(low)) / 2;
      expectClose((half * expected.auc * (1 - expected.auc)) / 1.959963984540054, expected.auc_error, 1e-9);
    }
  });
});

describe('classificationPerformance', () => {
  const rows = (actual: string, predicted: string): ClassificationRows => ({
    actual: [...actual],
    predicted: [...predicted],
  });

  it('takes precision, recall and f1 of the positive class, by default the last of two', () => {
    const result = classificationPerformance(rows('1110000', '1100010'));
    expect(result.positive_class).toBe('1');
    expect(result.metrics.precision?.value).toBe(2 / 3);
    expect(result.metrics.recall?.value).toBe(2 / 3);
    expect(result.metrics.f1?.value).toBe(2 / 3);
    const other = classificationPerformance(rows('1110000', '1100010'), { positive: '0' });
    expect(other.positive_class).toBe('0');
    expect(other.metrics.precision?.value).toBe(0.75);
  });

  it('orders labels that are numbers by value', () => {
    const values = ['10', '9', '100', '-1'];
    const result = classificationPerformance({ actual: values, predicted: values });
    expect(result.confusion_matrix.labels).toEqual(['-1', '9', '10', '100']);
  });

  it('asks a model of two classes about those two, also where something else came out', () => {
    const rows = {
      actual: ['yes', 'no', 'maybe', 'yes', 'no', 'yes', 'maybe', 'no'],
      predicted: ['yes', 'no', 'no', 'no', 'yes', 'yes', 'yes', 'no'],
      probabilities: {
        classes: ['no', 'yes'],
        values: Float64Array.from([0.9, 0.2, 0.3, 0.4, 0.7, 0.8, 0.6, 0.1].flatMap((p) => [1 - p, p])),
      },
    };
    const asNo = { ...rows, actual: rows.actual.map((label) => (label === 'maybe' ? 'no' : label)) };
    const found = classificationPerformance(rows);
    const { log_loss, brier, roc_auc, precision, recall, f1 } = classificationPerformance(asNo).metrics;
    expect(found).toMatchObject({ task: 'binary', positive_class: 'yes', count: 8, probability_count: 8 });
    expect(found).toMatchObject({ metrics: { log_loss, brier, roc_auc } });
    for (const [name, metric] of Object.entries({ precision, recall, f1 }))
      expect([name, found.metrics[name]?.value]).toEqual([name, metric?.value]);
    expect(found.metrics.accuracy?.value).toBe(4 / 8);
    expect(found.confusion_matrix).toMatchObject({
      labels: ['maybe', 'no', 'yes'],
      counts: [
        [0, 1, 1],
        [0, 2, 1],
        [0, 1, 2],
      ],
    });
    expect(found.notes).toEqual([
      '2 rows turned out to be neither "yes" nor "no": no answer to them was right, and they count as not "yes".',
    ]);
    expect(classificationPerformance({ ...rows, probabilities: undefined }).task).toBe('multiclass');
  });

  it('takes one probability of two classes for both', () => {
    const actual = ['yes', 'no', 'yes', 'no'];
    const one = { classes: ['yes'], values: Float64Array.of(0.9, 0.2, 0.4, 0.6) };
    const both = { classes: ['no', 'yes'], values: Float64Array.of(0.1, 0.9, 0.8, 0.2, 0.6, 0.4, 0.4, 0.6) };
    const [short, long] = [one, both].map((probabilities) =>
      classificationPerformance({ actual, predicted: actual, probabilities }),
    );
    for (const name of ['log_loss', 'brier', 'roc_auc'] as const)
      expectClose(short?.metrics[name]?.value, long?.metrics[name]?.value ?? Number.NaN);
    expect(short?.metrics.log_loss?.value).not.toBeNull();
  });

  it('leaves out rows without outcome or with unusable probabilities, and says so', () => {
    const result = classificationPerformance({
      actual: ['a', null, 'b', 'a'],
      predicted: ['a', 'a', 'a', null],
      probabilities: {
        classes: ['a', 'b'],
        values: Float64Array.of(0.9, 0.1, 0.5, 0.5, Number.NaN, 0, 0.5, 0.5),
      },
    });
    expect(result.count).toBe(2);
    expect(result.probability_count).toBe(1);
    expect(result.notes).toEqual([
      'Never predicted: "b" (actual in 1 rows).',
      '2 rows without an actual or a predicted class were left out.',
      '1 rows have no usable probabilities.',
    ]);
  });

  it('merges the rarest of many classes in the matrix, and loses no row', () => {
    const actual = Array.from({ length: 900 }, (_, row) => String(Math.floor(Math.sqrt(row))));
    const result = classificationPerformance({ actual, predicted: actual.toReversed() });
    const { labels, counts, merged } = result.confusion_matrix;
    expect(merged).toBe(10);
    expect(labels).toHaveLength(21);
    expect(labels.at(-1)).toBe('(other)');
    expect(counts.flat().reduce((sum, rows) => sum + rows, 0)).toBe(900);
    expect(result.per_class).toHaveLength(20);
    expect(result.notes).toHaveLength(1);
  });

  it('says nothing of no rows', () => {
    const result = classificationPerformance({ actual: [], predicted: [] });
    expect(result.count).toBe(0);
    for (const name of ['accuracy', 'precision', 'f1', 'log_loss', 'roc_auc'] as const)
      expect(result.metrics[name]).toEqual({ value: null, interval: null, note: 'There are no rows.' });
  });

  it('gives the same numbers for the same rows', () => {
    const sample = classified({ seed: 5, size: 300, classes: 3 });
    expect(classificationPerformance(sample)).toEqual(classificationPerformance(sample));
  });

  it('holds the true F1 in 95 of 100 intervals, give or take', () => {
    const { actual, predicted } = classified({ seed: 3, size: 120_000, classes: 2 });
    const truth = classificationPerformance({ actual, predicted }).metrics.f1?.value ?? Number.NaN;
    let held = 0;
    for (let start = 0; start < actual.length; start += 400) {
      const sample = {
        actual: actual.slice(start, start + 400),
        predicted: predicted.slice(start, start + 400),
      };
      const interval = classificationPerformance(sample).metrics.f1?.interval;
      if (interval && interval.low <= truth && truth <= interval.high) held++;
    }
    // Of 300, binomial: 285 expected, four standard deviations either way.
    expect(held).toBeGreaterThanOrEqual(270);
    expect(held).toBeLessThan(300);
  });

  const score = fc.oneof(fc.constantFrom(0, 0.25, 0.5, 1), fc.double({ min: 0, max: 1, noNaN: true }));

  it('knows only the order of scores in the AUC', () => {
    const sample = fc.array(fc.record({ score: fc.integer({ min: 0, max: 40 }), hit: fc.boolean() }), {
      minLength: 2,
      maxLength: 60,
    });
    fc.assert(
      fc.property(sample, (drawn) => {
        const auc = (map: (level: number) => number) => {
          const actual = drawn.map(({ hit }) => (hit ? 'y' : 'n'));
          const values = Float64Array.from(drawn, ({ score: level }) => map(level / 40));
          return classificationPerformance(
            { actual, predicted: actual, probabilities: { classes: ['y'], values } },
            { positive: 'y', classes: ['n', 'y'] },
          ).metrics.roc_auc;
        };
        expect(auc((p) => p ** 3)).toEqual(auc((p) => p));
        const [plain, turned] = [auc((p) => p)?.value, auc((p) => 1 - p)?.value];
        if (typeof plain === 'number') expect(turned).toBeCloseTo(1 - plain, 12);
        else expect([plain, turned]).toEqual([null, null]);
      }),
    );
  });

  it('answers anything with finite numbers within their bounds', () => {
    const label = fc.option(fc.constantFrom('a', 'b', 'c', '', '1', '__proto__', 'constructor'), {
      nil: null,
    });
    const input = fc.record({
      actual: fc.array(label, { maxLength: 40 }),
      predicted: fc.array(label, { maxLength: 40 }),
      classes: fc.array(fc.constantFrom('a', 'b', 'c', '__proto__'), { maxLength: 4 }),
      values: fc.array(fc.oneof(score, fc.double()), { maxLength: 160 }),
      positive: fc.option(fc.constantFrom('a', 'z'), { nil: undefined }),
    });
    fc.assert(
      fc.property(input, ({ actual, predicted, classes, values, positive }) => {
        const result = classificationPerformance(
          { actual, predicted, probabilities: { classes, values: Float64Array.from(values) } },
          { positive },
        );
        expect(JSON.parse(JSON.stringify(result))).toEqual(result);
        for (const name of ['accuracy', 'precision', 'recall', 'f1', 'roc_auc'] as const) {
          const { value, interval, note } = result.metrics[name] ?? {};
          if (typeof value === 'number') expect(value >= 0 && value <= 1).toBe(true);
          else expect([value, typeof note]).toEqual([null, 'string']);
          if (!interval) continue;
          expect(interval.low).toBeGreaterThanOrEqual(0);
          expect(interval.high).toBeLessThanOrEqual(1);
          expect(interval.low <= (value ?? Number.NaN) && (value ?? Number.NaN) <= interval.high).toBe(true);
        }
      }),
      { numRuns: 400 },
    );
  });
});
