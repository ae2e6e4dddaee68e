import { drawFromMode } from './inversion.ts';
import type { Random } from './random.ts';
import { logChoose } from './stirling.ts';

/**
 * Fills `counts` with what a second sample of `rows` rows from the same source puts into bins cut at
 * quantiles of the first.
 *
 * The share that falls between two order statistics of a sample is Dirichlet distributed by the number of
 * sample rows between them, whatever the (continuous) distribution; the counts are multinomial given the
 * shares. So this is the exact law of a permutation test that cuts its bins anew after every permutation, at
 * the price of a few draws (Wilks 1942, "Statistical prediction with special reference to the problem of
 * tolerance limits").
 *
 * @param reference rows of the first sample per bin
 */
export function drawPredictiveCounts(
  random: Random,
  reference: Float64Array,
  rows: number,
  counts: Float64Array,
): void {
  const weights = reference.map((inBin) => gammaDraw(random, inBin));
  let weightLeft = 0;
  for (const weight of weights) weightLeft += weight;
  let rowsLeft = rows;
  for (let bin = 0; bin < weights.length; bin++) {
    const weight = weights[bin] ?? 0;
    const isLast = bin === weights.length - 1;
    const taken = isLast ? rowsLeft : binomialDraw(random, rowsLeft, Math.min(1, weight / weightLeft));
    counts[bin] = taken;
    rowsLeft -= taken;
    weightLeft -= weight;
  }
}

/** Successes among `trials` with probability `share` each. */
export function binomialDraw(random: Random, trials: number, share: number): number {
  if (trials === 0 || !(share > 0)) return 0;
  if (share >= 1) return trials;
  const mode = Math.min(trials, Math.floor((trials + 1) * share));
  const logAtMode = logChoose(trials, mode) + mode * Math.log(share) + (trials - mode) * Math.log1p(-share);
  const odds = share / (1 - share);
  return drawFromMode(random, {
    least: 0,
    most: trials,
    mode,
    atMode: Math.exp(logAtMode),
    ratioAbove: (k) => ((trials - k) / (k + 1)) * odds,
  });
}

/**
 * A gamma variate of scale 1 by Marsaglia & Tsang (2000), "A simple method for generating gamma variables"; 0
 * for shape 0.
 */
export function gammaDraw(random: Random, shape: number): number {
  if (shape < 1) return shape > 0 ? gammaDraw(random, shape + 1) * (1 - random()) ** (1 / shape) : 0;
  const d = shape - 1 / 3;
  for (;;) {
    const normal = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
    const cube = (1 + normal / Math.sqrt(9 * d)) ** 3;
    if (cube > 0 && Math.log(1 - random()) < 0.5 * normal * normal + d * (1 - cube + Math.log(cube))) {
      return d * cube;
    }
  }
}
