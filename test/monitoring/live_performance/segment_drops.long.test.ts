import { describe, expect, test } from 'vitest';
import { measureSegments, type SegmentedRows } from '../../../src/monitoring/live_performance/segments.ts';
import { classesOfSegments, errorsOfSegments } from './segmented.ts';

const runs = 400;
/** More of 400 runs have a chance of 1 % where each has one of 5 %: SciPy's binom.ppf(0.99, 400, 0.05). */
const mostByChance = 31;
const names = ['a', 'b', 'c', 'd', 'e', 'f'];
const each = (value: number, last = value) =>
  Object.fromEntries(names.map((name, index) => [name, index === names.length - 1 ? last : value]));

/** Without a least size: what is held here is the evidence alone. */
const anySize = 1e-9;

/** Runs in which some segment is said to have dropped. */
function runsWithDrops(draw: (run: number) => [reference: SegmentedRows, current: SegmentedRows]): number {
  let found = 0;
  for (let run = 0; run < runs; run++) {
    const [reference, current] = draw(run);
    const segments = measureSegments(current, reference, undefined, anySize);
    if (segments.some(({ drops }) => drops.some(({ dropped }) => dropped))) found++;
  }
  return found;
}

describe('of 400 runs without a drop at most 5 % name a segment', () => {
  test.each([
    ['even classes', 0.5, 0.9],
    ['a rare class', 0.05, 0.95],
  ])('%s', (_, yes, share) => {
    const draw = (run: number): [SegmentedRows, SegmentedRows] => [
      classesOfSegments(2 * run, 6000, each(share), { yes }),
      classesOfSegments(2 * run + 1, 1500, each(share), { yes }),
    ];
    expect(runsWithDrops(draw)).toBeLessThanOrEqual(mostByChance);
  });

  test('numbers with errors of a long tail', () => {
    const draw = (run: number): [SegmentedRows, SegmentedRows] => [
      errorsOfSegments(2 * run, 6000, each(1)),
      errorsOfSegments(2 * run + 1, 1500, each(1)),
    ];
    expect(runsWithDrops(draw)).toBeLessThanOrEqual(mostByChance);
  });
});

describe('of 400 runs with one segment that got worse nearly all find it', () => {
  test('accuracy 0.9 to 0.75 in one of six segments of 250 rows', () => {
    const draw = (run: number): [SegmentedRows, SegmentedRows] => [
      classesOfSegments(2 * run, 6000, each(0.9)),
      classesOfSegments(2 * run + 1, 1500, each(0.9, 0.75)),
    ];
    expect(runsWithDrops(draw)).toBeGreaterThanOrEqual(0.95 * runs);
  });

  test('errors half as large again in one of six segments of 250 rows', () => {
    const draw = (run: number): [SegmentedRows, SegmentedRows] => [
      errorsOfSegments(2 * run, 6000, each(1)),
      errorsOfSegments(2 * run + 1, 1500, each(1, 1.5)),
    ];
    expect(runsWithDrops(draw)).toBeGreaterThanOrEqual(0.95 * runs);
  });
});
