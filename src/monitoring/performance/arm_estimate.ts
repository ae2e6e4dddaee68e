import { type InfluencedEstimate, meanOfUnits } from '../../statistics/unit_estimate.ts';
import type { CountedNames } from './ab_verdict.ts';
import { sumByUnit } from './unit_sums.ts';

/** A metric of one version's rows, with its variance over assignment units. */
export interface ArmEstimate {
  /** undefined where the metric has no value. */
  estimate: InfluencedEstimate | undefined;
  /** Why it can have none. */
  reason: string | undefined;
  /** What is counted, where the metric is of some rows only. */
  names?: CountedNames;
}

/**
 * Mean of a value over rows.
 * @param units the unit of each row, numbered from 0
 * @param values one a row; NaN for a row that does not count
 */
export function meanBy(units: ArrayLike<number>, values: Float64Array): InfluencedEstimate | undefined {
  const { sums, counts } = sumByUnit(units, values);
  return meanOfUnits(sums, counts);
}

export function found(estimate: InfluencedEstimate | undefined): ArmEstimate {
  return { estimate, reason: undefined };
}
