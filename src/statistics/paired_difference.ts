import { confidenceLevel } from './interval.ts';
import { studentTail } from './student.ts';
import type { InfluencedEstimate } from './unit_estimate.ts';

/** The difference of a metric of two models on the same rows. */
export interface PairedDifference {
  /** other − one. */
  difference: number;
  standardError: number;
  /** Two-sided; 1 where the difference is 0 for certain, 0 where it is something else for certain. */
  pValue: number;
  low: number;
  high: number;
}

/**
 * Compares two estimates from the same rows in the same units, by what each unit adds to the error of the difference: of a
 * mean over units of one row SciPy's `ttest_rel`, over units of several rows the cluster-robust test of statsmodels
 * (`OLS(...).fit(cov_type='cluster')`), of AUCs DeLong, DeLong & Clarke-Pearson (1988) with Obuchowski's (1997) sums by
 * cluster. Degrees of freedom are the effective number of units less one (Carter, Schnepel & Steigerwald 2017).
 *
 * @param units how many units have rows
 * @param effectiveUnits units of equal weight that say as much; see UnitEstimate
 * @returns undefined with fewer than two units, or numbers beyond floating point
 */
export function pairedDifference(
  one: Pick<InfluencedEstimate, 'value' | 'influences'>,
  other: Pick<InfluencedEstimate, 'value' | 'influences'>,
  units: number,
  effectiveUnits: number,
): PairedDifference | undefined {
  const degrees = effectiveUnits - 1;
  if (!(units >= 2 && degrees > 0)) return undefined;
  const difference = other.value - one.value + 0;
  const length = Math.max(one.influences.length, other.influences.length);
  let [squares, scale] = [0, 0];
  for (let unit = 0; unit < length; unit++) {
    const [a, b] = [one.influences[unit] ?? 0, other.influences[unit] ?? 0];
    squares += (b - a) ** 2;
    scale += a * a + b * b;
  }
  // What rounding leaves of influences that are the same is no spread.
  const variance = squares > (16 * Number.EPSILON) ** 2 * scale ? (squares * units) / (units - 1) : 0;
  const standardError = Math.sqrt(variance);
  if (!Number.isFinite(difference) || !Number.isFinite(standardError)) return undefined;
  if (standardError === 0) {
    const pValue = Math.abs(difference) > 1e-12 * (Math.abs(one.value) + Math.abs(other.value)) ? 0 : 1;
    return { difference, standardError, pValue, low: difference, high: difference };
  }
  const half = standardError * quantileOf(degrees);
  return {
    difference,
    standardError,
    pValue: 2 * studentTail(Math.abs(difference) / standardError, degrees),
    low: difference - half,
    high: difference + half,
  };
}

/** Where Student's t of any degrees has the tails that the confidence level leaves. */
function quantileOf(degrees: number): number {
  let [low, high] = [0, 1e6];
  for (let step = 0; step < 100; step++) {
    const middle = (low + high) / 2;
    if (2 * studentTail(middle, degrees) > 1 - confidenceLevel) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}
