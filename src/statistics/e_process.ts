import { chiSquareTail } from './chi_square_distribution.ts';
import { studentToNormal } from './student.ts';

/**
 * Evidence that may be looked at after every observation: natural logarithms of test martingales. Where nothing is the
 * matter one ever reaches log(1/level) in at most `level` of all experiments, however often one looks (Ville's
 * inequality; Ramdas, Grünwald, Vovk & Shafer 2023, "Game-theoretic statistics and safe anytime-valid inference").
 */

/** Events (errors, slow calls) of two arms that serve side by side. */
export interface ArmEvents {
  /** Events of each arm, ≥ 0; scaled down where they come in clusters. */
  candidate: number;
  incumbent: number;
  /** The candidate's share of what could have become an event, 0 … 1. */
  share: number;
}

/** Rates of the candidate, in rates of the incumbent, that harm may have: from half as many again to where only the candidate fails. */
export const worseRatios = [1.5, 2, 3, 5, 10, 30, 200];
/** Rates apart from 1 to either side, by little or much: of calls that are not shared out as they should be. */
export const apartRatios = [0.1, 0.5, 0.8, 0.9, 0.95, 1.05, 1.1, 1.25, 2, 10];
/** The same of what is better. */
export const betterRatios = [0.67, 0.5, 0.33, 0.2, 0.1, 0.03, 0.001];

/**
 * Evidence that the candidate's events are not in the ratio 1 to the incumbent's, but in one of `ratios`. Given an
 * event, the candidate's it is with probability share·θ/(share·θ + 1 − share), θ being the ratio; the likelihood ratio
 * against θ = 1, averaged over the ratios (Robbins 1970), is a martingale for any number of events, also few: nothing
 * here is asymptotic.
 *
 * @param strata events one after the other, of units that are new in each; one whose share is 0 or 1 says nothing
 */
export function logEventRatio(strata: readonly ArmEvents[], ratios: readonly number[]): number {
  const shared = strata.filter(({ share }) => share > 0 && share < 1);
  const logOf = (ratio: number) =>
    shared.reduce((sum, { candidate, incumbent, share }) => {
      const events = candidate + incumbent;
      return sum + candidate * Math.log(ratio) - events * Math.log1p(share * (ratio - 1));
    }, 0);
  return logMean(ratios.map(logOf));
}

/**
 * Evidence that a mean is above `bound`: Robbins' normal mixture over values above it. As a process in 1/variance the
 * estimate is nearly Brownian, as in theorem 2.2 of Waudby-Smith, Arbour, Sinha, Kennedy & Ramdas (2024); here one-sided,
 * by half a normal prior, which makes it 2·Φ(z·√(r/(1+r)))·exp(z²r/(2(1+r)))/√(1+r) with r = spread²/variance.
 *
 * @param mean estimated, and its variance > 0
 * @param degrees of freedom of the variance: of few units it is known badly, so that z is taken of Student's t
 * @param spread standard deviation of the prior: the size of what is looked for, not to be chosen by the data
 */
export function logMeanAbove(
  { mean, variance, degrees }: { mean: number; variance: number; degrees: number },
  bound: number,
  spread: number,
): number {
  const apart = mean - bound;
  if (!(variance > 0 && degrees >= 1 && Number.isFinite(apart))) return 0;
  const t = apart / Math.sqrt(variance);
  const z = Math.sign(t) * studentToNormal(Math.abs(t), degrees);
  const ratio = spread ** 2 / variance;
  const weight = ratio / (1 + ratio);
  return Math.LN2 - Math.log1p(ratio) / 2 + (z * z * weight) / 2 + logNormalBelow(z * Math.sqrt(weight));
}

/**
 * The spread of {@link logMeanAbove} that makes it sharpest when an effect has reached four standard errors, the size
 * at which it is about to be decided (the equation for ρ in Waudby-Smith et al. 2024).
 */
export function spreadFor(effect: number, level: number): number {
  const log = -2 * Math.log(level);
  return (effect / 4) * Math.sqrt(log + Math.log1p(log));
}

/**
 * How far an empirical distribution function may ever be off, in the supremum, at any number of observations at once
 * (Howard & Ramdas 2022, "Sequential estimation of quantiles", corollary 2).
 *
 * @param count independent observations, ≥ 1
 */
export function distributionReach(count: number, level: number): number {
  return 0.85 * Math.sqrt((Math.log(Math.log(Math.E * count)) + 0.8 * Math.log(1612 / level)) / count);
}

/** log P(Z ≤ z) of the standard normal; far below 0 by the first terms of its series (Abramowitz & Stegun 26.2.12). */
function logNormalBelow(z: number): number {
  if (z < -20) return -(z * z) / 2 - Math.log(-z * Math.sqrt(2 * Math.PI)) + Math.log1p(-1 / (z * z));
  const tail = chiSquareTail(z * z, 1) / 2;
  return z > 0 ? Math.log1p(-tail) : Math.log(tail);
}

/** The logarithm of the mean of numbers of which the logarithms are given. */
export function logMean(logs: readonly number[]): number {
  const most = Math.max(...logs);
  return most + Math.log(logs.reduce((sum, log) => sum + Math.exp(log - most), 0) / logs.length);
}
