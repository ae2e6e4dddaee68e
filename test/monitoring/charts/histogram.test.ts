import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  categoricalHistogram,
  type NumericHistogram,
  numericHistogram,
  sortedSample,
} from '../../../src/monitoring/charts/histogram.ts';
import { binPredictions } from '../../../src/monitoring/charts/regression_bins.ts';
import { seededRandom } from '../../../src/statistics/random.ts';

interface ExpectedSide {
  count: number;
  counts: number[];
  below: number;
  above: number;
}

interface Cases {
  histograms: {
    name: string;
    reference: number[];
    current: (number | null)[];
    edges: number[];
    expected: Record<'reference' | 'current', ExpectedSide>;
  }[];
  pairs: {
    actual: number[];
    predicted: number[];
    range: [number, number];
    squares: [column: number, row: number, count: number][];
    bias: number;
  };
}

/** What NumPy counts; written by test/fixtures/charts/make_cases.py. */
const cases: Cases = JSON.parse(
  readFileSync(new URL('../../fixtures/charts/cases.json', import.meta.url), 'utf8'),
);

const sorted = (values: readonly number[]) => Float64Array.from(values).sort();

function rowsOf({ count, shares, below, above }: NumericHistogram['reference']): ExpectedSide {
  const rows = (share: number) => Math.round(share * count);
  return { count, counts: Array.from(shares, rows), below: rows(below), above: rows(above) };
}

function shareSum({ shares, below, above }: NumericHistogram['reference']): number {
  return shares.reduce((sum, share) => sum + share, below + above);
}

describe('numericHistogram counts as NumPy does', () => {
  it.each(cases.histograms)('$name', ({ reference, current, edges, expected }) => {
    const histogram = numericHistogram(
      sorted(reference),
      Float64Array.from(current, (value) => value ?? Number.NaN),
    );
    expect(histogram.edges).toHaveLength(edges.length);
    edges.forEach((edge, index) => {
      expect(histogram.edges[index]).toBeCloseTo(edge, 9);
    });
    expect(rowsOf(histogram.reference)).toEqual(expected.reference);
    expect(rowsOf(histogram.current)).toEqual(expected.current);
  });
});

describe('numericHistogram', () => {
  it('counts what lies beyond the reference apart', () => {
    const reference = Float64Array.from({ length: 1001 }, (_, index) => index / 1000);
    const { edges, current } = numericHistogram(reference, Float64Array.of(-5, 0.5, 900, 1e300));
    expect([edges[0], edges.at(-1)]).toEqual([0.01, 0.99]);
    expect(current).toMatchObject({ count: 4, below: 0.25, above: 0.5 });
  });

  it('takes the range from the current values where there is no reference', () => {
    const { edges, reference, current } = numericHistogram(
      new Float64Array(),
      Float64Array.of(2.5, Number.NaN, 7.5),
    );
    expect([edges[0], edges.at(-1)]).toEqual([2.5, 7.5]);
    expect(reference).toMatchObject({ count: 0, below: 0, above: 0 });
    expect(current.shares[0]).toBe(0.5);
    expect(current.shares.at(-1)).toBe(0.5);
  });

  it('has one bin for values that are all the same', () => {
    for (const value of [5, 0, -2.5, 5e-324, 1.7e308]) {
      const { edges, reference, current } = numericHistogram(
        Float64Array.of(value, value),
        Float64Array.of(value),
      );
      expect(edges).toHaveLength(2);
      expect(edges[0]).toBeLessThan(edges[1] ?? Number.NaN);
      expect([...reference.shares, ...current.shares]).toEqual([1, 1]);
    }
  });

  it('loses no value, whatever the values are', () => {
    const values = fc.float64Array({ noDefaultInfinity: true, noNaN: true });
    fc.assert(
      fc.property(values, values, (before, now) => {
        const { edges, reference, current } = numericHistogram(before.slice().sort(), now);
        expect(edges.every(Number.isFinite)).toBe(true);
        expect(reference.count).toBe(before.length);
        expect(current.count).toBe(now.length);
        expect(shareSum(reference)).toBeCloseTo(before.length > 0 ? 1 : 0, 9);
        expect(shareSum(current)).toBeCloseTo(now.length > 0 ? 1 : 0, 9);
      }),
    );
  });
});

describe('categoricalHistogram', () => {
  it('keeps the most frequent of both sides and adds up the others', () => {
    const reference = new Map(Array.from({ length: 9 }, (_, index) => [`c${index}`, 10 - index]));
    const current = new Map([
      ['new', 50],
      ['c8', 50],
    ]);
    const histogram = categoricalHistogram(reference, current);
    expect(histogram.categories).toEqual(['c8', 'new', 'c0', 'c1', 'c2']);
    expect(histogram.otherCategories).toBe(5);
    expect(Array.from(histogram.reference.shares)).toEqual([2, 0, 10, 9, 8, 25].map((rows) => rows / 54));
    expect(Array.from(histogram.current.shares)).toEqual([0.5, 0.5, 0, 0, 0, 0]);
  });

  it('takes any text and nothing at all', () => {
    const { categories } = categoricalHistogram(
      new Map([
        ['__proto__', 1],
        ['', 2],
      ]),
      new Map(),
    );
    expect(categories).toEqual(['', '__proto__']);
    expect(categoricalHistogram(new Map(), new Map()).categories).toEqual([]);
  });
});

describe('sortedSample', () => {
  it('is everything finite of a small array, and bounded and repeatable of a large one', () => {
    expect(Array.from(sortedSample(Float64Array.of(3, Number.NaN, 1), seededRandom(1)))).toEqual([1, 3]);
    const million = Float64Array.from({ length: 1_000_000 }, (_, index) => index);
    const sample = sortedSample(million, seededRandom(1));
    expect(sample).toHaveLength(20_000);
    expect(sample).toEqual(sortedSample(million, seededRandom(1)));
    expect(sample).not.toEqual(sortedSample(million, seededRandom(2)));
  });
});

describe('binPredictions', () => {
  it('counts squares as NumPy does', () => {
    const { actual, predicted, range, squares, bias } = cases.pairs;
    const binned = binPredictions(Float64Array.from(actual), Float64Array.from(predicted));
    expect(binned.range[0]).toBeCloseTo(range[0], 9);
    expect(binned.range[1]).toBeCloseTo(range[1], 9);
    expect(binned.squares.map(({ column, row, count }) => [column, row, count])).toEqual(squares);
    expect(binned.bias).toBeCloseTo(bias, 12);
    const inside = squares.reduce((sum, [, , count]) => sum + count, 0);
    expect(binned.outside).toBe(actual.length - inside);
  });

  it('shows few pairs one by one, and leaves out those without a number', () => {
    const binned = binPredictions(
      Float64Array.of(1, 2, Number.NaN, 4),
      Float64Array.of(1.5, 2.5, 3, Infinity),
    );
    expect(binned).toMatchObject({ pairs: 2, outside: 0, bias: 0.5, squares: [] });
    expect(binned.points).toEqual([
      { actual: 1, predicted: 1.5 },
      { actual: 2, predicted: 2.5 },
    ]);
  });

  it('has no bias without pairs', () => {
    expect(binPredictions(new Float64Array(), new Float64Array())).toMatchObject({
      range: [0, 1],
      pairs: 0,
      bias: null,
    });
  });
});
