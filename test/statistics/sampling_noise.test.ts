import { describe, expect, it } from 'vitest';
import { hypergeometricDraw, splitRows } from '../../src/statistics/hypergeometric.ts';
import { binomialDraw, drawPredictiveCounts, gammaDraw } from '../../src/statistics/predictive_counts.ts';
import { seededRandom, seedFor } from '../../src/statistics/random.ts';
import { confirmedNoiseQuantile, noiseQuantile } from '../../src/statistics/sampling_noise.ts';

const drawCount = 20_000;

/** Compares the moments of many draws with those of the law, to five standard errors. */
function expectMoments(draw: () => number, mean: number, variance: number): void {
  const draws = Array.from({ length: drawCount }, draw);
  const average = draws.reduce((sum, value) => sum + value, 0) / drawCount;
  const spread = draws.reduce((sum, value) => sum + (value - average) ** 2, 0) / (drawCount - 1);
  expect(Math.abs(average - mean)).toBeLessThan(5 * Math.sqrt(variance / drawCount));
  expect(Math.abs(spread / variance - 1)).toBeLessThan(0.1);
}

describe('draws have the moments of their law', () => {
  const random = seededRandom(11);

  it.each([
    [5, 20, 10],
    [40, 60, 30],
    [500_000, 700_000, 400_000],
    [30, 1_000_000, 600_000],
  ])('hypergeometric: %i marked, %i not, %i drawn', (marked, unmarked, draws) => {
    const total = marked + unmarked;
    const mean = (draws * marked) / total;
    const variance = (mean * (unmarked / total) * (total - draws)) / (total - 1);
    expectMoments(() => hypergeometricDraw(random, marked, unmarked, draws), mean, variance);
  });

  it.each([
    [10, 0.3],
    [2000, 0.01],
    [100_000, 0.7],
  ])('binomial: %i trials, share %f', (trials, share) => {
    expectMoments(() => binomialDraw(random, trials, share), trials * share, trials * share * (1 - share));
  });

  it.each([0.4, 1, 7, 1000])('gamma: shape %f', (shape) => {
    expectMoments(() => gammaDraw(random, shape), shape, shape);
  });

  it('predicted counts vary by both sample sizes', () => {
    const reference = Float64Array.of(20, 30, 50);
    const counts = new Float64Array(3);
    const first = () => {
      drawPredictiveCounts(random, reference, 200, counts);
      return counts[0] ?? 0;
    };
    expectMoments(first, 40, 200 * 0.2 * 0.8 * (1 + 199 / 101));
  });
});

describe('splitRows', () => {
  it('gives every row to one side', () => {
    const random = seededRandom(2);
    const pooled = Float64Array.of(0, 3, 1000, 40, 1);
    const [one, other] = [new Float64Array(5), new Float64Array(5)];
    for (let split = 0; split < 200; split++) {
      splitRows(random, pooled, 600, one, other);
      expect(one.reduce((sum, rows) => sum + rows)).toBe(600);
      expect(one.map((rows, bin) => rows + (other[bin] ?? 0))).toEqual(pooled);
      expect(Math.min(...one, ...other)).toBeGreaterThanOrEqual(0);
    }
  });
});

describe('noiseQuantile', () => {
  it('reaches beyond its repetitions', () => {
    const random = seededRandom(4);
    // −2·ln(u) is χ² with two degrees of freedom, which exceeds 2·ln(10 000) once in 10 000.
    const quantile = noiseQuantile(() => -2 * Math.log(1 - random()), 1, 1e-4, 20);
    expect(quantile).toBeGreaterThan(15);
    expect(quantile).toBeLessThan(24);
  });

  it('is above a score that is commonplace, at little cost', () => {
    const random = seededRandom(5);
    let repetitions = 0;
    const simulate = () => {
      repetitions++;
      return random();
    };
    expect(noiseQuantile(simulate, 1, 0.01, 0.5)).toBeGreaterThan(0.9);
    expect(repetitions).toBeLessThan(100);
  });

  it('is the value itself where nothing varies', () => {
    expect(noiseQuantile(() => 0.7, 10, 0.01, 0.7)).toBe(0.7);
    expect(noiseQuantile(() => 0, 10, 0.01, 0.5)).toBe(0);
  });
});

describe('confirmedNoiseQuantile', () => {
  // One distance in a hundred is far from the others, which no gamma distribution foresees.
  const lumpy = (random: () => number) => () => random() + (random() < 0.01 ? 5 : 0);

  it('takes a score for noise that comes up more often than the level', () => {
    let rough = 0;
    let confirmed = 0;
    for (let seed = 1; seed <= 200; seed++) {
      const score = 5.9;
      // Above it is one distance in a thousand, twice the level.
      if (noiseQuantile(lumpy(seededRandom(seed)), 1, 5e-4, score) < score) rough++;
      if (confirmedNoiseQuantile(lumpy(seededRandom(seed)), 1, 5e-4, score) < score) confirmed++;
    }
    expect(rough).toBeGreaterThan(100);
    // Two or more of 4000 reach it, where four are expected: Poisson, P(fewer) = 0.092.
    expect(confirmed).toBeLessThan(0.092 * 200 + 4 * Math.sqrt(200 * 0.092));
  });

  it('leaves a score that hardly ever comes up', () => {
    const quantile = confirmedNoiseQuantile(lumpy(seededRandom(6)), 1, 5e-4, 6.5);
    expect(quantile).toBeGreaterThan(5.5);
    expect(quantile).toBeLessThan(6.5);
  });

  it('stays with the rough bound where more repetitions cannot be afforded', () => {
    const bins = 600_000;
    expect(confirmedNoiseQuantile(lumpy(seededRandom(7)), bins, 5e-4, 50)).toBe(
      noiseQuantile(lumpy(seededRandom(7)), bins, 5e-4, 50),
    );
  });
});

describe('seededRandom', () => {
  it('repeats itself for a seed, and only for that', () => {
    const draw = (seed: number) => Array.from({ length: 4 }, seededRandom(seed));
    expect(draw(7)).toEqual(draw(7));
    expect(draw(7)).not.toEqual(draw(8));
    expect(seedFor(1, 'age')).not.toBe(seedFor(1, 'income'));
    expect(seedFor(1, 'age')).not.toBe(seedFor(2, 'age'));
  });
});
