import type { Random } from './random.ts';

/**
 * A distribution on the whole numbers from `least` to `most` with a single peak, given by its peak and the ratios of
 * neighbouring probabilities.
 */
export interface PeakedDistribution {
  least: number;
  most: number;
  mode: number;
  /** P(mode). */
  atMode: number;
  /** P(k + 1) / P(k). */
  ratioAbove: (k: number) => number;
}

/**
 * A draw by inversion that starts at the mode and steps outwards: about as many steps as the distribution is
 * wide, so that a count among a million rows costs hundreds of steps instead of a million draws.
 */
export function drawFromMode(random: Random, distribution: PeakedDistribution): number {
  const { least, most, mode, atMode, ratioAbove } = distribution;
  let left = random() - atMode;
  let up = mode;
  let down = mode;
  let atUp = atMode;
  let atDown = atMode;
  // The remaining probability is rounding error and not worth more steps.
  while (left > 0 && (atUp > 1e-18 || atDown > 1e-18)) {
    atUp = up < most ? atUp * ratioAbove(up) : 0;
    up++;
    left -= atUp;
    if (left <= 0) return up;
    atDown = down > least ? atDown / ratioAbove(down - 1) : 0;
    down--;
    left -= atDown;
    if (left <= 0) return down;
  }
  return mode;
}
