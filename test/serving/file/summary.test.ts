import { describe, expect, test } from 'vitest';
import type { PredictedValue } from '../../../src/serving/codec/predictions.ts';
import { summarizer } from '../../../src/serving/file/summary.ts';

const summaryOf = (
  rows: readonly (readonly [value: PredictedValue, actual?: unknown])[],
  { isClass = false, withOutcome = rows.some((row) => row.length > 1) } = {},
) => {
  const summary = summarizer(isClass, withOutcome);
  for (const [value, actual] of rows) summary.add({ value, probabilities: undefined }, actual);
  return summary.result();
};

describe('the summary of a file', () => {
  test('counts classes, most frequent first', () => {
    expect(summaryOf([['a'], ['b'], ['b'], [true]])).toEqual({
      classes: [
        ['b', 2],
        ['a', 1],
        ['true', 1],
      ],
    });
    expect(summaryOf([[1], [0], [1]], { isClass: true }).classes).toEqual([
      ['1', 2],
      ['0', 1],
    ]);
  });

  test('lists the fifty most frequent of many classes', () => {
    const rows = Array.from({ length: 20_000 }, (_, row): [string] => [`class ${row < 100 ? 0 : row}`]);
    const { classes, otherClassRows } = summaryOf(rows);
    expect(classes).toHaveLength(50);
    expect(classes?.[0]).toEqual(['class 0', 100]);
    expect(otherClassRows).toBe(20_000 - 100 - 49);
  });

  test('gives the range of numbers, without those that are NaN', () => {
    expect(summaryOf([[1], [null], [4], [-2]])).toEqual({ numbers: { min: -2, mean: 1, max: 4 } });
  });

  test('compares classes with outcomes', () => {
    const rows = [
      ['yes', 'yes'],
      ['yes', ' no '],
      ['no', ''],
      ['no', null],
    ] as const;
    expect(summaryOf(rows).outcome).toEqual({ rows: 2, rowsWithout: 2, accuracy: 0.5 });
    const alike = [
      [1, '1.0'],
      [1, 1],
      [0, 'false'],
      [2, '2'],
    ] as const;
    expect(summaryOf(alike, { isClass: true }).outcome).toMatchObject({ accuracy: 0.75 });
    const truth = [
      [true, 'True'],
      [false, '0'],
      [true, false],
    ] as const;
    expect(summaryOf(truth).outcome?.accuracy).toBeCloseTo(2 / 3);
  });

  test('measures how far numbers are from outcomes', () => {
    const rows = [
      [1, '2'],
      [5, 2],
      [null, 3],
      [3, 'many'],
      [3, '3e0'],
    ] as const;
    expect(summaryOf(rows).outcome).toEqual({
      rows: 3,
      rowsWithout: 2,
      mae: 4 / 3,
      rmse: Math.sqrt(10 / 3),
    });
  });

  test('compares no arrays, and says so', () => {
    expect(summaryOf([[[1, 2], 1]]).outcome).toEqual({ rows: 0, rowsWithout: 1 });
  });
});
