import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { emptyStretches, pointsOf, spreadOut, timeSpan } from '../../../src/monitoring/charts/time_lines.ts';

const line = (...values: (number | null | undefined)[]) => ({
  name: 'x',
  values: values.flatMap((value, bucket) => (value === undefined ? [] : [{ at: bucket * 10, value }])),
});

describe('a line over time', () => {
  it('breaks where a bucket has no number or is not there', () => {
    const points = pointsOf([line(1, 2, null, 3, undefined, 4, 5), line(6)], 10);
    expect(points.map(({ style, segment, at, value }) => [style, segment, at, value])).toEqual([
      [0, 1, 5, 1],
      [0, 1, 15, 2],
      [0, 2, 35, 3],
      [0, 3, 55, 4],
      [0, 3, 65, 5],
      [1, 4, 5, 6],
    ]);
  });

  it('is in the order of time, whatever the order of its buckets', () => {
    const { name, values } = line(1, 2, 3);
    expect(pointsOf([{ name, values: [...values].reverse() }], 10)).toEqual(pointsOf([line(1, 2, 3)], 10));
  });

  it('has shade where no line has a number', () => {
    expect(emptyStretches([line(1, null, null, 2, null), line(null, null, null, null, 5)], 10)).toEqual([
      { from: 10, to: 30 },
    ]);
  });

  it('spans its buckets to their end', () => {
    expect(timeSpan([line(1, null), line(1)], 10)).toEqual([0, 20]);
    expect(timeSpan([], 10)).toBeUndefined();
  });
});

describe('spreadOut', () => {
  it('moves what is too near, and nothing else', () => {
    expect(spreadOut([50, 10, 12, 11], 5, 100)).toEqual([50, 10, 20, 15]);
    expect(spreadOut([99, 100], 5, 100)).toEqual([95, 100]);
  });

  it('keeps the distance, always', () => {
    const positions = fc.array(fc.double({ min: 0, max: 100, noNaN: true }), { maxLength: 6 });
    fc.assert(
      fc.property(positions, (given) => {
        const placed = spreadOut(given, 16, 340).sort((one, other) => one - other);
        placed.forEach((place, index) => {
          expect(place).toBeGreaterThanOrEqual(0);
          expect(place).toBeLessThanOrEqual(340);
          if (index > 0) expect(place - (placed[index - 1] ?? 0)).toBeGreaterThanOrEqual(16 - 1e-9);
        });
      }),
    );
  });
});
