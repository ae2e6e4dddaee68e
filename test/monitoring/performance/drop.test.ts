import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { leastDifference, performanceDrop } from '../../../src/monitoring/performance/drop.ts';
import type { Measurement } from '../../../src/monitoring/performance/index.ts';
import { shareMetric } from '../../../src/monitoring/performance/share_metric.ts';
import { wilsonInterval } from '../../../src/statistics/wilson.ts';
import { cases, expectClose } from './cases.ts';

const share = (successes: number, trials: number): Measurement => ({
  metric: shareMetric(successes, trials, 'There are no rows.'),
  rows: trials,
});

function measured(value: number, low: number, high: number): Measurement {
  return { metric: { value, interval: { low, high, method: 'bootstrap' } }, rows: 500 };
}

const more = (name: string) => ({ name, better: 'higher' }) as const;
const less = (name: string) => ({ name, better: 'lower' }) as const;

describe('leastDifference', () => {
  it.each(cases.difference)(
    "of %d in %d and %d in %d is statsmodels' Newcombe interval",
    (x, n, y, m, low, high) => {
      const [first, second] = [wilsonInterval(x, n), wilsonInterval(y, m)];
      expectClose(leastDifference(x / n, first, y / m, second), low);
      expectClose(-leastDifference(y / m, second, x / n, first), high);
    },
  );
});

describe('performanceDrop', () => {
  it('is a fall by the threshold that sampling does not explain', () => {
    expect(performanceDrop(more('accuracy'), share(900, 1000), share(750, 1000), 0.1)).toEqual({
      dropped: true,
      by: expect.closeTo(0.15 / 0.9, 12),
      detail: 'accuracy went from 0.9 to 0.75, worse by 16.7 %: more than sampling explains.',
    });
  });

  it('is none below the threshold, however certain', () => {
    const drop = performanceDrop(more('accuracy'), share(90_000, 100_000), share(85_000, 100_000), 0.1);
    expect(drop.dropped).toBe(false);
    expect(drop.detail).toContain('less than 10 %');
  });

  it('is none where few rows explain it', () => {
    const drop = performanceDrop(more('accuracy'), share(900, 1000), share(24, 30), 0.1);
    expect(drop).toMatchObject({ dropped: false, by: expect.closeTo(0.1 / 0.9, 12) });
    expect(drop.detail).toContain('sampling alone may explain it');
  });

  it('is none on a handful of rows', () => {
    const drop = performanceDrop(more('accuracy'), share(900, 1000), share(2, 29), 0.1);
    expect(drop.dropped).toBe(false);
    expect(drop.detail).toMatch(/^NOT_ENOUGH_DATA: .*1000 reference and 29 current rows/);
  });

  it('needs ten rows of the class that a metric is about, however many rows there are', () => {
    const [before, now] = [share(90, 100), { ...share(0, 4), rows: 5000 }];
    expect(
      performanceDrop(more('recall'), { ...before, rowsOfClass: 100 }, { ...now, rowsOfClass: 4 }, 0.1),
    ).toEqual({
      dropped: false,
      by: 1,
      detail:
        'NOT_ENOUGH_DATA: recall went from 0.9 to 0, on 100 reference and 4 current rows of the class; 10 are needed.',
    });
    const enough = { ...share(0, 10), rows: 5000, rowsOfClass: 10 };
    expect(performanceDrop(more('recall'), { ...before, rowsOfClass: 100 }, enough, 0.1).dropped).toBe(true);
  });

  it('is a rise of an error', () => {
    const [low, high] = [measured(10, 9.5, 10.5), measured(14, 13, 15.5)];
    expect(performanceDrop(less('rmse'), low, high, 0.1)).toMatchObject({ dropped: true, by: 0.4 });
    expect(performanceDrop(less('rmse'), high, low, 0.1)).toMatchObject({
      dropped: false,
      by: expect.closeTo(-4 / 14),
    });
    expect(performanceDrop(more('r2'), high, low, 0.1).dropped).toBe(true);
  });

  it('does not judge without a value or an interval, and says so', () => {
    const none: Measurement = { metric: { value: null, interval: null }, rows: 0 };
    expect(performanceDrop(more('f1'), none, share(1, 2), 0.1)).toEqual({
      dropped: false,
      by: null,
      detail: 'The reference has no f1.',
    });
    const bare: Measurement = { metric: { value: 0.5, interval: null }, rows: 100 };
    expect(performanceDrop(more('f1'), share(900, 1000), bare, 0.1).detail).toContain('has no interval');
  });

  it('judges a rise from nothing by its interval alone', () => {
    const drop = performanceDrop(less('mae'), measured(0, 0, 0), measured(2, 1, 3), 0.1);
    expect(drop).toMatchObject({ dropped: true, by: null });
  });

  it('raises few false alarms, and never for the better', () => {
    const counts = fc.tuple(fc.integer({ min: 0, max: 50 }), fc.integer({ min: 50, max: 80 }));
    fc.assert(
      fc.property(counts, counts, ([x, n], [y, m]) => {
        const drop = performanceDrop(more('recall'), share(x, n), share(y, m), 0.1);
        if (drop.dropped) {
          expect(y / m).toBeLessThan(x / n);
          // Intervals that hold each other's value never make a drop.
          expect(wilsonInterval(y, m).high).toBeLessThan(x / n);
        }
      }),
    );
  });
});
