import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { fisherLess } from '../../src/statistics/fisher_exact.ts';
import { studentTail } from '../../src/statistics/student.ts';
import { welchGreater } from '../../src/statistics/welch_test.ts';

const sample = z.object({ mean: z.number(), variance: z.number(), count: z.number() });
const numbers = (width: number) => z.array(z.array(z.number()).length(width));
const cases = z
  .object({
    fisher_less: numbers(5),
    welch_greater: z.array(z.object({ one: sample, other: sample, p: z.number() })),
    student_tail: numbers(3),
  })
  .parse(JSON.parse(readFileSync(new URL('../fixtures/statistics/cases.json', import.meta.url), 'utf8')));

/** Relative, but for what is nothing: SciPy gives 0 there or a number near the smallest. */
const expectNear = (found: number, wanted: number, tolerance: number) =>
  expect(Math.abs(found - wanted)).toBeLessThanOrEqual(tolerance * wanted + 1e-290);

describe('Fisher’s exact test', () => {
  test.each(cases.fisher_less)(
    'agrees with scipy: %i of %i against %i of %i',
    (a = 0, n = 0, c = 0, m = 0, p = 0) => expectNear(fisherLess(a, n, c, m), p, 1e-8),
  );

  test('is a probability, falls with fewer hits, and its two sides overlap in the table itself', () => {
    const side = fc.tuple(fc.integer({ min: 1, max: 60 }), fc.double({ min: 0, max: 1, noNaN: true }));
    fc.assert(
      fc.property(side, side, ([n, share], [m, other]) => {
        const [a, c] = [Math.round(n * share), Math.round(m * other)];
        const p = fisherLess(a, n, c, m);
        expect(p).toBeGreaterThanOrEqual(0);
        expect(p).toBeLessThanOrEqual(1);
        if (a > 0 && c < m) expect(fisherLess(a - 1, n, c + 1, m)).toBeLessThanOrEqual(p + 1e-12);
        expect(p + fisherLess(c, m, a, n)).toBeGreaterThanOrEqual(1 - 1e-9);
      }),
    );
  });
});

describe('Welch’s test', () => {
  test.each(cases.welch_greater)('agrees with scipy: $one against $other', ({ one, other, p }) =>
    expectNear(welchGreater(one, other), p, 1e-8),
  );

  test.each(cases.student_tail)(
    'the tail of Student’s t agrees with scipy: %f, %f',
    (t = 0, degrees = 0, p = 0) => expectNear(studentTail(t, degrees), p, 1e-8),
  );

  test('has nothing to say of samples without spread, or of one value', () => {
    expect(welchGreater({ mean: 2, variance: 0, count: 9 }, { mean: 1, variance: 0, count: 9 })).toBe(1);
    expect(welchGreater({ mean: 2, variance: 0, count: 1 }, { mean: 1, variance: 3, count: 9 })).toBe(1);
  });
});
