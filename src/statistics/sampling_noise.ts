import { chiSquareQuantile } from './chi_square_distribution.ts';
import { sum } from './shares.ts';

/** Simulated comparisons without drift behind one quantile. */
const repetitionCount = 300;
/** With many bins fewer comparisons are simulated: at most this many counts are drawn in all. */
const maxCounts = 600_000;
const minRepetitions = 30;

/** After so many repetitions, a score that this share of them reach is plainly noise, and a rough bound is enough. */
const firstLook = 24;
const plainNoise = 0.25;

/** A score is confirmed as more than noise with this many times 1/level repetitions, of which one may reach it. */
const confirming = 2;
/** A score this many times as large as the largest of the first repetitions needs no more of them. */
const far = 2;

/**
 * What a distance reaches by sampling alone: the value it exceeds with probability `level` when nothing has
 * drifted.
 *
 * Rare levels lie beyond the repetitions, so the answer is the larger of their empirical quantile and of the
 * quantile of the gamma distribution with their mean and variance (PSI, KL and JSD are near a scaled χ² under
 * no drift, which is a gamma).
 *
 * @param simulate one distance between two samples without drift, of the actual sizes
 * @param bins counts drawn for one distance; bounds the cost
 * @param score the distance to be judged: where it is commonplace, fewer repetitions show it
 */
export function noiseQuantile(simulate: () => number, bins: number, level: number, score: number): number {
  return roughQuantile(simulate, bins, level, score).bound;
}

/**
 * {@link noiseQuantile} for distances that a gamma distribution does not describe, such as psi where bins may be empty
 * and so count as 1e-4: a score above the rough bound is confirmed by so many repetitions that the quantile is among
 * them, which makes it an exact Monte Carlo test (Phipson & Smyth 2010). Without that, of 50 stable features at 100
 * rows psi said drift in 13 of 100 reports.
 */
export function confirmedNoiseQuantile(
  simulate: () => number,
  bins: number,
  level: number,
  score: number,
): number {
  const { bound, distances } = roughQuantile(simulate, bins, level, score);
  if (score <= bound || score > far * Math.max(bound, ...distances)) return bound;
  const repetitions = Math.min(Math.floor(maxCounts / bins), Math.ceil(confirming / level) - 1);
  const allowed = Math.floor(level * (repetitions + 1)) - 1;
  // With so many bins no more repetitions are affordable.
  if (allowed < 0) return bound;
  let reached = distances.filter((distance) => distance >= score).length;
  while (distances.length < repetitions && reached <= allowed) {
    const distance = simulate();
    distances.push(distance);
    if (distance >= score) reached++;
  }
  return (
    Float64Array.from(distances)
      .sort()
      .at(-1 - allowed) ?? bound
  );
}

function roughQuantile(
  simulate: () => number,
  bins: number,
  level: number,
  score: number,
): { bound: number; distances: number[] } {
  const affordable = Math.floor(maxCounts / bins);
  const repetitions = Math.max(minRepetitions, Math.min(repetitionCount, affordable));
  const distances: number[] = [];
  let reached = 0;
  while (distances.length < repetitions) {
    const distance = simulate();
    distances.push(distance);
    if (distance >= score) reached++;
    if (distances.length === firstLook && reached >= firstLook * plainNoise) break;
  }
  return { bound: upperQuantile(Float64Array.from(distances).sort(), level), distances };
}

function upperQuantile(ascending: Float64Array, level: number): number {
  const count = ascending.length;
  const position = Math.min(count - 1, Math.ceil((1 - level) * (count + 1)) - 1);
  const empirical = ascending[Math.max(0, position)] ?? 0;
  const mean = sum(ascending) / count;
  let squares = 0;
  for (const value of ascending) squares += (value - mean) ** 2;
  const variance = squares / (count - 1);
  if (!(mean > 0 && variance > mean * mean * 1e-12)) return empirical;
  const shape = (mean * mean) / variance;
  return Math.max(empirical, (chiSquareQuantile(level, 2 * shape) * variance) / mean / 2);
}
