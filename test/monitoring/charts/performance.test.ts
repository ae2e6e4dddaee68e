import { describe, expect, it } from 'vitest';
import { capClasses } from '../../../src/monitoring/charts/confusion.ts';
import { classificationChart, regressionChart } from '../../../src/monitoring/charts/index.ts';
import { subject } from './reports.ts';
import { headOf, rowsWith } from './rows_in.ts';

const bin = { from: 0.5, to: 1, count: 40, mean_predicted: 0.8, observed: 0.75, low: 0.6, high: 0.86 };

describe('capClasses', () => {
  it('keeps the largest classes in their order and loses no row', () => {
    const capped = capClasses(
      {
        labels: ['a', 'b', 'c', 'd'],
        counts: [
          [1, 0, 2, 0],
          [0, 50, 3, 1],
          [0, 4, 1, 0],
          [2, 0, 0, 30],
        ],
      },
      3,
    );
    expect(capped).toEqual({
      labels: ['b', 'd', '2 other'],
      counts: [
        [50, 1, 3],
        [0, 30, 2],
        [4, 0, 4],
      ],
    });
  });

  it('leaves few classes alone', () => {
    const matrix = {
      labels: ['a', 'b'],
      counts: [
        [1, 2],
        [3, 4],
      ],
    };
    expect(capClasses(matrix, 2)).toEqual(matrix);
  });
});

describe('classificationChart', () => {
  it('has a mark for each bin with rows, and a cell for each pair of classes', () => {
    const chart = classificationChart({
      ...subject,
      rows: 40,
      metrics: [{ name: 'accuracy', value: 0.9 }],
      calibration: [{ ...bin, from: 0, to: 0.5, count: 0, observed: 0 }, bin],
      confusion: {
        labels: ['no', 'yes'],
        counts: [
          [3, 1],
          [0, 0],
        ],
      },
    });
    expect(rowsWith('observed', chart)).toEqual([bin]);
    expect(
      rowsWith('share', chart).map(({ row, column, countText, shareText }) => [
        row,
        column,
        countText,
        shareText,
      ]),
    ).toEqual([
      [0, 0, '3', '75\u00a0%'],
      [0, 1, '1', '25\u00a0%'],
      [1, 0, '0', '–'],
      [1, 1, '0', '–'],
    ]);
    expect(headOf(chart)).toContain('40 rows with an outcome · \u2068accuracy\u2069 0.9');
  });

  it('is either part alone', () => {
    const calibrated = classificationChart({ ...subject, rows: 40, metrics: [], calibration: [bin] });
    expect(rowsWith('countText', calibrated)).toEqual([]);
    const labels = Array.from({ length: 30 }, (_, index) => `class ${index}`);
    const counts = labels.map((_, actual) => labels.map((__, predicted) => Number(actual === predicted)));
    const confused = classificationChart({
      ...subject,
      rows: 30,
      metrics: [],
      confusion: { labels, counts },
    });
    expect(rowsWith('observed', confused)).toEqual([]);
    expect(rowsWith('countText', confused)).toHaveLength(12 * 12);
  });
});

describe('regressionChart', () => {
  it('shows pairs, residuals and bias', () => {
    const chart = regressionChart({
      ...subject,
      metrics: [{ name: 'MAE', value: 0.5 }],
      actual: Float64Array.of(1, 2, 3),
      predicted: Float64Array.of(1.5, 2.5, 3.5),
    });
    expect(rowsWith('actual', chart).slice(0, 3)).toEqual([
      { actual: 1, predicted: 1.5 },
      { actual: 2, predicted: 2.5 },
      { actual: 3, predicted: 3.5 },
    ]);
    expect(rowsWith('line', chart)).toEqual([
      { at: 0, line: 'none' },
      { at: 0.5, line: 'bias' },
    ]);
    expect(headOf(chart)).toContain('3 rows with an outcome');
  });

  it('is binned and bounded for very many pairs', () => {
    const actual = Float64Array.from({ length: 300_000 }, (_, row) => Math.sin(row) * 10);
    const chart = regressionChart({
      ...subject,
      metrics: [],
      actual,
      predicted: actual.map((value) => value + 1),
    });
    const squares = rowsWith('count', chart);
    expect(squares.length).toBeLessThanOrEqual(1600);
    expect(rowsWith('share', chart).length).toBeLessThanOrEqual(20);
    expect(squares.reduce((sum, { count }) => sum + Number(count), 0)).toBeGreaterThan(280_000);
  });
});
