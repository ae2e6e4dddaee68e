import { expect, test } from 'vitest';
import { rangesOf, standingOut } from '../../src/backtest/feature_ranges.ts';
import { columnOf } from '../../src/prediction_log/column.ts';
import { seededRandom } from '../../src/statistics/random.ts';

test('numbers are divided into fifths, few values each by itself, missing ones apart', () => {
  const numbers = columnOf([...Array.from({ length: 100 }, (_, row) => row), null]);
  const fifths = rangesOf([numbers]);
  expect(fifths.names).toEqual([
    '≤ 19.8',
    '> 19.8 and ≤ 39.6',
    '> 39.6 and ≤ 59.4',
    '> 59.4 and ≤ 79.2',
    '> 79.2',
    '(missing)',
  ]);
  const of = fifths.of(numbers);
  expect([0, 19, 20, 79, 80, 100].map(of)).toEqual([0, 0, 1, 3, 4, 5]);
  const colours = rangesOf([columnOf(['red', 'red', 'blue', null])]);
  expect(colours.names).toEqual(['red', 'blue', '(other)', '(missing)']);
  expect([0, 1, 2].map(colours.of(columnOf(['blue', 'green', null])))).toEqual([1, 2, 3]);
  expect(rangesOf([columnOf([0, 1, 1])]).names.slice(0, 2)).toEqual(['1', '0']);
});

/** Rows and disagreements of ten features of five ranges. */
function drawn(seed: number, rateOf: (feature: number, range: number) => number) {
  const random = seededRandom(seed);
  return new Map(
    Array.from({ length: 10 }, (_, feature) => {
      const [rows, apart] = [new Float64Array(5), new Float64Array(5)];
      for (let row = 0; row < 2000; row++) {
        const range = row % 5;
        rows[range] = (rows[range] ?? 0) + 1;
        if (random() < rateOf(feature, range)) apart[range] = (apart[range] ?? 0) + 1;
      }
      return [`f${feature}`, { names: ['a', 'b', 'c', 'd', 'e'], rows, apart }] as const;
    }),
  );
}

test('a range is named where they disagree more than elsewhere', () => {
  const found = standingOut(
    drawn(1, (feature, range) => (feature === 3 && range === 2 ? 0.3 : 0.1)),
    5,
  );
  expect(found[0]).toMatchObject({ feature: 'f3', range: 'c', rows: 400 });
  expect(found[0]?.share).toBeGreaterThan(0.6);
  expect(found[0]?.share).toBeLessThan(0.8);
});

test('and by chance in one of a hundred reports at most', () => {
  let reports = 0;
  for (let seed = 1; seed <= 300; seed++)
    reports += Number(
      standingOut(
        drawn(seed, () => 0.1),
        5,
      ).length > 0,
    );
  // 300 reports at 1 %: 3 and four standard errors at most.
  expect(reports).toBeLessThanOrEqual(10);
});
