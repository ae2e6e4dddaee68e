import { describe, expect, test } from 'vitest';
import {
  classificationPerformance,
  comparableMetric,
  comparableMetricNames,
  comparedClasses,
  comparedNumbers,
  metricsFor,
  regressionPerformance,
} from '../../../src/monitoring/performance/index.ts';
import { expectClose } from './cases.ts';
import { classified, regressed } from './recipe.ts';

const classes = [2, 3].map((count) => classified({ seed: 4, size: 400, classes: count }));
const numbers = regressed({ seed: 4, size: 400, scale: 3, offset: 1, centre: 0.5, noise: 1 });
const ownUnits = Int32Array.from({ length: 400 }, (_, row) => row);

describe('a metric in the list', () => {
  test.each(comparableMetricNames)('%s compares versions by the value that answers show', (name) => {
    const { task, comparison } = comparableMetric(name);
    const pairs =
      task === 'classification'
        ? classes.map(
            (rows) =>
              [
                comparison.estimate(comparedClasses(rows, ownUnits, rows.classes)),
                classificationPerformance(rows, { classes: rows.classes }).metrics[name],
              ] as const,
          )
        : [
            [
              comparison.estimate(comparedNumbers(numbers, ownUnits)),
              regressionPerformance(numbers).metrics[name],
            ] as const,
          ];
    for (const [{ estimate, reason }, shown] of pairs) {
      expect(reason).toBeUndefined();
      expectClose(estimate?.value, shown?.value ?? Number.NaN, 1e-9);
      expect(estimate?.variance).toBeGreaterThan(0);
      expect(estimate?.units).toBeLessThanOrEqual(400 * (1 + 1e-9));
    }
  });

  test('is shown under its name, whatever it is used for', () => {
    const [rows] = classes;
    const shown = {
      ...regressionPerformance(numbers).metrics,
      ...(rows && classificationPerformance(rows, { classes: rows.classes }).metrics),
    };
    expect(Object.keys(shown)).toEqual(expect.arrayContaining([...comparableMetricNames]));
    for (const use of ['drops', 'charts', 'segments'] as const)
      for (const { name } of metricsFor(use)) expect(shown[name]?.value).toBeTypeOf('number');
  });
});
