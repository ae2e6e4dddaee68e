import { describe, expect, test } from 'vitest';
import { describeDrops } from '../../../src/monitoring/live_performance/segment_drops.ts';
import { measureSegments } from '../../../src/monitoring/live_performance/segments.ts';
import { classesOfSegments, errorsOfSegments } from './segmented.ts';

const classes = ['no', 'yes'];
const shares = (eu: number) => ({ EU: eu, US: 0.9, ASIA: 0.9 });

describe('segments beside the reference', () => {
  test('name the one that got worse, with the reference’s value of the same segment', () => {
    const reference = classesOfSegments(1, 6000, shares(0.9));
    const current = classesOfSegments(2, 3000, shares(0.7));
    const segments = measureSegments(current, reference, classes, 0.1);
    const [worst, ...others] = segments;
    if (worst === undefined) throw new Error('no segment');
    expect(worst.name).toBe('EU');
    const accuracy = worst.drops.find(({ metric }) => metric === 'accuracy');
    expect(accuracy).toMatchObject({ dropped: true });
    expect(accuracy?.reference).toBeCloseTo(0.9, 1);
    expect(accuracy?.p_adjusted).toBeGreaterThanOrEqual(accuracy?.p_value ?? 1);
    expect(worst.reference?.measured).toMatchObject({
      performance: { metrics: { accuracy: { value: accuracy?.reference } } },
    });
    expect(others.flatMap(({ drops }) => drops).filter(({ dropped }) => dropped)).toEqual([]);
    expect(describeDrops('region', worst.name, worst.drops)[0]).toMatch(
      /^segment region=EU: accuracy 0\.\d+ against 0\.\d+ in the reference, p_adjusted [\d.e-]+$/,
    );
  });

  test('see a recall that fell while accuracy hardly did', () => {
    // One row in twenty is "yes".
    const reference = classesOfSegments(3, 20_000, shares(0.95), { yes: 0.05 });
    const current = classesOfSegments(4, 10_000, shares(0.95), { yes: 0.05, missed: 0.6 });
    const drops = measureSegments(current, reference, classes, 0.1).flatMap((segment) => segment.drops);
    expect(new Set(drops.filter(({ dropped }) => dropped).map(({ metric }) => metric))).toContain('recall');
    expect(drops.filter(({ metric, dropped }) => metric === 'accuracy' && dropped)).toEqual([]);
  });

  test('of numbers are judged by the mean absolute error', () => {
    const spread = (eu: number) => ({ EU: eu, US: 1, ASIA: 1 });
    const reference = errorsOfSegments(5, 6000, spread(1));
    const current = errorsOfSegments(6, 2000, spread(1.6));
    const segments = measureSegments(current, reference, undefined, 0.1);
    const found = segments.flatMap(({ name, drops }) => drops.map((drop) => ({ name, ...drop })));
    expect(found.filter(({ dropped }) => dropped)).toMatchObject([{ name: 'EU', metric: 'mae' }]);
  });

  test('judge nothing below 30 rows of either side, and nothing without a reference', () => {
    const reference = classesOfSegments(7, 60, { EU: 1, US: 1, ASIA: 1 });
    const current = classesOfSegments(8, 60, { EU: 0, US: 0, ASIA: 0 });
    expect(measureSegments(current, reference, classes, 0.1).flatMap(({ drops }) => drops)).toEqual([]);
    const alone = measureSegments(current, undefined, classes, 0.1);
    expect(alone.map((segment) => segment.reference)).toEqual([undefined, undefined, undefined]);
  });

  test('judge recall from ten rows of the class on', () => {
    const region = { name: 'region', kind: 'categorical' as const, categories: ['EU'] };
    const answers = (yes: number, right: number) => {
      const rows = 200;
      const actual = Int32Array.from({ length: rows }, (_, row) => Number(row < yes));
      const predicted = actual.map((code, row) => (row < right ? code : 0));
      const compared = { kind: 'classes' as const, classes, predicted, actual };
      const feature = { ...region, codes: new Int32Array(rows) };
      return { rows: { rows, compared, probabilities: [] }, feature };
    };
    const recallOf = (yes: number) =>
      measureSegments(answers(yes, 1), answers(20, 18), classes, 0.1)
        .flatMap(({ drops }) => drops)
        .filter(({ metric }) => metric === 'recall');
    expect(recallOf(9)).toEqual([]);
    expect(recallOf(10)).toMatchObject([{ reference: 0.9, current: 0.1, dropped: true }]);
  });

  test('that the reference does not have stand alone', () => {
    const reference = classesOfSegments(9, 300, { EU: 0.9 });
    const current = classesOfSegments(10, 300, { EU: 0.9, US: 0.9 });
    const segments = measureSegments(current, reference, classes, 0.1);
    expect(segments.find(({ name }) => name === 'US')?.reference).toBeUndefined();
    expect(segments.find(({ name }) => name === 'EU')?.reference?.rows).toBe(300);
  });
});
