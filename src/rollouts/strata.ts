import { type ArmEvents, logEventRatio, logMean, worseRatios } from '../statistics/e_process.ts';

/** How much worse the candidate is by one thing. */
export interface Harm {
  /** Above 0 where the candidate is worse, and its variance > 0. */
  mean: number;
  variance: number;
  /** Degrees of freedom of the variance. */
  degrees: number;
  /** At most this share of the variance is that of entities, which may call in several steps; 0 where calls are units. */
  between: number;
}

/** What a step in which both versions answered says about their difference: it still counts when the next one begins. */
export interface Stratum {
  errors: ArmEvents;
  errorRate?: Harm | undefined;
  /** Calls beyond what is tolerated of the p95; undefined where that is not known. */
  slow?: ArmEvents | undefined;
  metrics: { name: string; harm?: Harm | undefined }[];
  /** Whether every unit had one call, so that none is in two steps. */
  areCalls: boolean;
}

/**
 * Evidence that the candidate has more of the events, from all steps so far. Calls are new in each step, so that the
 * likelihood ratios multiply: half of the mixture. An entity may have its event in several steps, and stays with its
 * version; then only their average is sure, which holds whatever depends on what: the other half (Vovk & Wang 2021,
 * "E-values: calibration, combination and applications").
 *
 * @param steps of the plan that can show such events
 */
export function logMoreEvents(strata: readonly ArmEvents[], areCalls: boolean, steps: number): number {
  const each = strata.map((events) => logEventRatio([events], worseRatios));
  const unseen = new Array<number>(Math.max(0, steps - strata.length)).fill(0);
  const together = areCalls ? logEventRatio(strata, worseRatios) : Number.NEGATIVE_INFINITY;
  return logMean([together, logMean([...each, ...unseen])]);
}

/**
 * The difference by all steps, each weighted by what it knows (generalised least squares). Where entities call in several
 * steps their part of the variances is taken to vary together wholly, which is the most that it can.
 */
export function combinedHarm(harms: readonly (Harm | undefined)[]): Harm | undefined {
  return harms.filter((harm) => harm !== undefined).reduce<Harm | undefined>(combine, undefined);
}

function combine(one: Harm | undefined, other: Harm): Harm {
  if (one === undefined) return other;
  const common = Math.sqrt(one.between * one.variance * other.between * other.variance);
  const apart = one.variance + other.variance - 2 * common;
  const weight = apart > 0 ? Math.min(1, Math.max(0, (other.variance - common) / apart)) : 0;
  const parts = [weight ** 2 * one.variance, (1 - weight) ** 2 * other.variance] as const;
  const variance = parts[0] + parts[1] + 2 * weight * (1 - weight) * common;
  return {
    mean: weight * one.mean + (1 - weight) * other.mean,
    variance,
    // Welch's, of the two that are added up.
    degrees: variance ** 2 / (parts[0] ** 2 / one.degrees + parts[1] ** 2 / other.degrees),
    between: Math.max(weight > 0 ? one.between : 0, weight < 1 ? other.between : 0),
  };
}
