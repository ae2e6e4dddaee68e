import fc from 'fast-check';
import { expect, test } from 'vitest';
import { combinedHarm, type Harm, logMoreEvents } from '../../src/rollouts/strata.ts';
import { seededRandom } from '../../src/statistics/random.ts';

const harm = (mean: number, variance: number, between = 0): Harm => ({
  mean,
  variance,
  degrees: 100,
  between,
});

test('steps of new calls add up by what each knows, as in a meta-analysis of fixed effects', () => {
  const all = combinedHarm([harm(0.01, 1e-4), undefined, harm(0.03, 3e-4), harm(-0.02, 2e-4)]);
  const weights = [1e4, 1 / 3e-4, 5e3];
  const sum = weights.reduce((total, weight) => total + weight, 0);
  expect(all?.variance).toBeCloseTo(1 / sum, 12);
  expect(all?.mean).toBeCloseTo((0.01 * 1e4 + 0.03 / 3e-4 - 0.02 * 5e3) / sum, 12);
  expect(all?.degrees).toBeGreaterThan(100);
});

test('steps of the same entities know no more than the one that knows most', () => {
  const all = combinedHarm([harm(0.01, 4e-4, 1), harm(0.03, 1e-4, 1)]);
  expect(all).toMatchObject({ mean: 0.03, variance: 1e-4, between: 1 });
});

test('more steps never know less', () => {
  const one = fc.record({
    mean: fc.double({ min: -1, max: 1, noNaN: true }),
    variance: fc.double({ min: 1e-8, max: 1, noNaN: true }),
    degrees: fc.integer({ min: 9, max: 10_000 }),
    between: fc.double({ min: 0, max: 1, noNaN: true }),
  });
  fc.assert(
    fc.property(fc.array(one, { minLength: 1, maxLength: 6 }), (harms) => {
      const least = Math.min(...harms.map(({ variance }) => variance));
      const all = combinedHarm(harms);
      expect(all?.variance).toBeGreaterThan(0);
      expect(all?.variance).toBeLessThanOrEqual(least * (1 + 1e-9));
    }),
  );
});

test('entities that fail in every step, and stay with their version, send an equal version back in at most 5 %', () => {
  const [experiments, entities, level] = [2000, 200, 0.05];
  const random = seededRandom(11);
  let [averaged, multiplied] = [0, 0];
  for (let experiment = 0; experiment < experiments; experiment++) {
    const places = Array.from({ length: entities }, random).slice(0, 12);
    const strata = [0.05, 0.25, 0.5].map((share) => {
      const candidate = places.filter((place) => place < share).length;
      return { candidate, incumbent: places.length - candidate, share };
    });
    averaged += Number(logMoreEvents(strata, false, 3) >= -Math.log(level));
    multiplied += Number(logMoreEvents(strata, true, 3) >= -Math.log(level));
  }
  expect(averaged / experiments).toBeLessThan(level);
  // What taking them for new calls would do.
  expect(multiplied).toBeGreaterThan(averaged);
});
