import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { mcnemarExact, pairedShareInterval } from '../../src/statistics/mcnemar.ts';
import { pairedDifference } from '../../src/statistics/paired_difference.ts';
import { binomialDraw } from '../../src/statistics/predictive_counts.ts';
import { seededRandom } from '../../src/statistics/random.ts';
import { meanOfUnits } from '../../src/statistics/unit_estimate.ts';

const numbers = z.array(z.number());
const cases = z
  .object({
    mcnemar_exact: z.array(z.tuple([z.number(), z.number(), z.number()])),
    paired_t: z.array(
      z.object({ one: numbers, other: numbers, p: z.number(), low: z.number(), high: z.number() }),
    ),
    clusters: z.array(
      z.object({
        units: numbers,
        one: numbers,
        other: numbers,
        balanced: z.boolean(),
        standard_error: z.number(),
        p: z.number(),
      }),
    ),
  })
  .parse(JSON.parse(readFileSync(new URL('../fixtures/statistics/paired.json', import.meta.url), 'utf8')));

/** Relative. */
const expectNear = (found: number | undefined, wanted: number, tolerance = 1e-8) =>
  expect(Math.abs((found ?? Number.NaN) - wanted)).toBeLessThanOrEqual(tolerance * Math.abs(wanted) + 1e-300);

describe('McNemar’s exact test', () => {
  test.each(cases.mcnemar_exact)('agrees with statsmodels: %i against %i', (one, other, p) =>
    expectNear(mcnemarExact(one, other), p),
  );

  test('is a probability, the same for both sides, and falls as one side gets more of the rows', () => {
    const count = fc.integer({ min: 0, max: 800 });
    fc.assert(
      fc.property(count, count, (one, other) => {
        const p = mcnemarExact(one, other);
        expect(p).toBeGreaterThan(0);
        expect(p).toBeLessThanOrEqual(1);
        expect(mcnemarExact(other, one)).toBe(p);
        if (one > other) expect(mcnemarExact(one + 1, other)).toBeLessThanOrEqual(p);
      }),
    );
  });

  test('its interval is not empty where no row tells the two apart, and holds the true difference', () => {
    expect(pairedShareInterval(0, 0, 30).high).toBeGreaterThan(0.05);
    const random = seededRandom(3);
    for (const [one, other, rows] of [
      [0.02, 0.05, 100],
      [0.1, 0.1, 60],
      [0.01, 0.01, 2000],
    ] as const) {
      let held = 0;
      for (let run = 0; run < 2000; run++) {
        const apart = binomialDraw(random, rows, one + other);
        const own = binomialDraw(random, apart, one / (one + other));
        const { low, high } = pairedShareInterval(own, apart - own, rows);
        held += Number(low <= other - one && other - one <= high);
      }
      // 2 000 runs of 95 % have a standard error of 0.5 points.
      expect(held / 2000).toBeGreaterThan(0.935);
    }
  });
});

describe('the paired difference', () => {
  test.each(cases.paired_t)(
    'of means over rows is SciPy’s ttest_rel, case %#',
    ({ one, other, p, low, high }) => {
      const counts = new Float64Array(one.length).fill(1);
      const [a, b] = [one, other].map((values) => meanOfUnits(Float64Array.from(values), counts));
      const found = a && b && pairedDifference(a, b, one.length, one.length);
      expectNear(found?.pValue, p);
      expectNear(found?.low, low);
      expectNear(found?.high, high);
    },
  );

  test.each(cases.clusters)(
    'over units of several rows is the cluster-robust test of statsmodels, case %#',
    (given) => {
      const units = new Set(given.units).size;
      const summed = (values: readonly number[]) => {
        const [sums, counts] = [new Float64Array(units), new Float64Array(units)];
        values.forEach((value, row) => {
          const unit = given.units[row] ?? 0;
          sums[unit] = (sums[unit] ?? 0) + value;
          counts[unit] = (counts[unit] ?? 0) + 1;
        });
        return meanOfUnits(sums, counts);
      };
      const [a, b] = [summed(given.one), summed(given.other)];
      if (a === undefined || b === undefined) throw new Error('no rows');
      const found = pairedDifference(a, b, units, a.units);
      expectNear(found?.standardError, given.standard_error);
      if (given.balanced) expectNear(found?.pValue, given.p);
      // Units that weigh unequally say less: fewer degrees of freedom than statsmodels takes.
      else {
        expect(found?.pValue).toBeGreaterThan(given.p);
        expectNear(pairedDifference(a, b, units, units)?.pValue, given.p);
      }
    },
  );

  test('of what is the same is none, and of what differs by the same everywhere is certain', () => {
    const counts = new Float64Array(40).fill(1);
    const values = Float64Array.from(counts, (_, row) => 0.1 + row / 7);
    const at = (shift: number) =>
      meanOfUnits(
        values.map((value) => value + shift),
        counts,
      );
    const difference = (shift: number) => {
      const [a, b] = [at(0), at(shift)];
      return a && b && pairedDifference(a, b, 40, 40);
    };
    expect(difference(0)).toMatchObject({ difference: 0, pValue: 1, low: 0, high: 0 });
    expect(difference(0.5)?.pValue).toBe(0);
  });
});
