import { drawFromMode } from '../drift/inversion.ts';
import type { Random } from '../drift/random.ts';
import { stirlingError } from '../drift/stirling.ts';
import { CONFIDENCE, type Interval } from './metric.ts';

/** Resamples behind an interval, and the fewest where there is much to draw. */
const MOST_RESAMPLES = 1000;
const FEWEST_RESAMPLES = 200;
/** Draws that one bootstrap may cost. */
const MOST_DRAWS = 20_000_000;
/** Below so many rows percentiles say little. */
export const FEWEST_ROWS = 10;

export const TOO_FEW_ROWS = `Fewer than ${FEWEST_ROWS} rows give no interval.`;

/** How often to resample when one resample takes `draws` draws. */
export function resamplesFor(draws: number): number {
  return Math.max(FEWEST_RESAMPLES, Math.min(MOST_RESAMPLES, Math.floor(MOST_DRAWS / Math.max(1, draws))));
}

/** The middle {@link CONFIDENCE} of resampled values (type 7 quantiles); null with fewer than half of them finite. */
export function percentileInterval(resampled: Float64Array): Interval | null {
  const values = resampled.filter(Number.isFinite).sort();
  if (values.length === 0 || 2 * values.length < resampled.length) return null;
  const at = (share: number): number => {
    const position = share * (values.length - 1);
    const below = values[Math.floor(position)] ?? 0;
    const above = values[Math.ceil(position)] ?? below;
    return below + (above - below) * (position - Math.floor(position));
  };
  return { low: at((1 - CONFIDENCE) / 2), high: at((1 + CONFIDENCE) / 2), method: 'bootstrap' };
}

/** Table of a Poisson variate of mean 1 by sixteen random bits; probabilities are exact to 2^-17. */
const unitPoisson = unitPoissonTable();

function unitPoissonTable(): Uint8Array {
  const table = new Uint8Array(1 << 16);
  let density = Math.exp(-1);
  let below = 0;
  let start = 0;
  for (let weight = 0; start < table.length && weight < 12; weight++) {
    below += density;
    const end = Math.min(table.length, Math.round(below * table.length));
    table.fill(weight, start, end);
    start = end;
    density /= weight + 1;
  }
  return table;
}

/**
 * Fills in how often each row is in one resample: Poisson weights of mean 1, the limit of drawing rows with
 * replacement (Chamandy, Muralidharan, Najmi & Naidu 2012, "Estimating uncertainty for massive data streams").
 */
export function drawRowWeights(random: Random, weights: Uint8Array): void {
  for (let row = 0; row < weights.length; row += 2) {
    // The 32 bits of one draw are two indexes.
    const scaled = random() * 2 ** 16;
    const upper = scaled | 0;
    weights[row] = unitPoisson[upper] ?? 0;
    weights[row + 1] = unitPoisson[((scaled - upper) * 2 ** 16) | 0] ?? 0;
  }
}

/**
 * A source of how often `count` alike rows are in a resample: Poisson variates of mean `count`.
 *
 * @param count whole, at least 1
 */
export function countSampler(random: Random, count: number): () => number {
  if (count === 1) return () => unitPoisson[(random() * 2 ** 16) | 0] ?? 0;
  const distribution = {
    least: 0,
    most: Number.POSITIVE_INFINITY,
    mode: count,
    // Stirling's formula gives e^(−n)·nⁿ/n! without large numbers.
    atMode: Math.exp(-stirlingError(count)) / Math.sqrt(2 * Math.PI * count),
    ratioAbove: (k: number) => count / (k + 1),
  };
  return () => drawFromMode(random, distribution);
}
