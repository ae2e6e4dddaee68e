import { expect, test } from 'vitest';
import {
  distributionReach,
  logEventRatio,
  logMeanAbove,
  spreadFor,
  worseRatios,
} from '../../src/statistics/e_process.ts';
import { seededRandom } from '../../src/statistics/random.ts';
import cases from '../fixtures/statistics/e_process_cases.json' with { type: 'json' };

test("evidence about a mean is the integral over the prior, as SciPy's quad computes it", () => {
  for (const { mean, variance, bound, spread, log } of cases.mean_above)
    expect(logMeanAbove({ mean, variance, degrees: 1e12 }, bound, spread)).toBeCloseTo(log, 5);
});

test("evidence about events is the average likelihood ratio, by SciPy's binomial distribution", () => {
  for (const { log, ...events } of cases.event_ratio)
    expect(logEventRatio([events], worseRatios)).toBeCloseTo(log, 9);
});

test('of few units the same distance says less', () => {
  const of = (degrees: number) => logMeanAbove({ mean: 0.05, variance: 1e-4, degrees }, 0, 0.02);
  expect(of(5)).toBeLessThan(of(50));
  expect(of(50)).toBeLessThan(of(1e12));
});

test('far below the bound there is no evidence, however far', () => {
  for (const mean of [-0.1, -1, -100])
    expect(logMeanAbove({ mean, variance: 1e-4, degrees: 1e12 }, 0, 0.02)).toBeLessThan(-2);
});

test('where nothing is the matter, evidence reaches log(1/level) in at most that share of experiments', () => {
  const [experiments, level] = [1000, 0.05];
  const random = seededRandom(7);
  let [events, means, ranges] = [0, 0, 0];
  for (let experiment = 0; experiment < experiments; experiment++) {
    let [candidate, incumbent, sum] = [0, 0, 0];
    let [byEvents, byMean] = [false, false];
    for (let count = 1; count <= 400; count++) {
      if (random() < 0.25) candidate++;
      else incumbent++;
      sum += Math.sqrt(12) * (random() - 0.5);
      byEvents ||= logEventRatio([{ candidate, incumbent, share: 0.25 }], worseRatios) >= -Math.log(level);
      const estimate = { mean: sum / count, variance: 1 / count, degrees: 1e12 };
      byMean ||= count >= 10 && logMeanAbove(estimate, 0, spreadFor(0.3, level)) >= -Math.log(level);
    }
    events += Number(byEvents);
    means += Number(byMean);
    const sorted = Float64Array.from({ length: 200 }, random).sort();
    const distance = Math.max(...sorted.map((value, index) => Math.abs((index + 0.5) / 200 - value)));
    ranges += Number(distance > distributionReach(200, level));
  }
  // The bound and two standard errors.
  for (const found of [events, means, ranges]) expect(found / experiments).toBeLessThan(level + 0.014);
  expect(events).toBeGreaterThan(0);
  expect(means).toBeGreaterThan(0);
});
