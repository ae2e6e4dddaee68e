import { confidenceLevel, type Interval } from './interval.ts';
import { drawFromMode } from './inversion.ts';
import type { Random } from './random.ts';
import { stirlingError } from './stirling.ts';

/** Most resamples behind an interval, and the fewest that are drawn however many rows there are. */
const maxResamples = 1000;
const minResamples = 200;
/** Random numbers that one bootstrap may draw. */
const maxDraws = 20_000_000;
/** With fewer rows the percentiles of resamples are no usable interval. */
export const minRows = 10;

export const tooFewRows = `Fewer than ${minRows} rows give no interval.`;

/** How often to resample when one resample takes `draws` random numbers. */
export function resamplesFor(draws: number): number {
  return Math.max(minResamples, Math.min(maxResamples, Math.floor(maxDraws / Math.max(1, draws))));
}

/** The middle {@link confidenceLevel} of resampled values (type 7 quantiles); null with fewer than half of them finite. */
export function percentileInterval(resampled: Float64Array): Interval | null {
  const values = resampled.filter(Number.isFinite).sort();
  if (values.length === 0 || 2 * values.length < resampled.length) return null;
  const at = (share: number): number => {
    const position = share * (values.length - 1);
    const below = values[Math.floor(position)] ?? 0;
    const above = values[Math.ceil(position)] ?? below;
    return below + (above - below) * (position - Math.floor(position));
  };
  return { low: at((1 - confidenceLevel) / 2), high: at((1 + confidenceLevel) / 2), method: 'bootstrap' };
}

/**
 * Inverse distribution function of a Poisson variate of mean 1, indexed by sixteen random bits; probabilities are
 * exact to 2^-17.
 */
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
 * A source of how often `count` identical rows appear in a resample: Poisson variates of mean `count`.
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
