import type { ArmEvents } from '../statistics/e_process.ts';
import type { UnitEstimate } from '../statistics/unit_estimate.ts';

/** What one version did in a step. */
export interface ArmEvidence {
  /** Entities where calls of one stay with their version, else calls. */
  units: number;
  /** Units of which a call failed; fewer where errors come in clusters. */
  failedUnits: number;
  calls: number;
  errors: number;
  /** Share of the calls that failed. */
  errorRate: UnitEstimate | undefined;
}

/** One metric of outcomes, of both versions. */
export interface MetricEvidence {
  name: string;
  higherIsBetter: boolean;
  candidate: UnitEstimate | undefined;
  incumbent: UnitEstimate | undefined;
  /** Of the difference, where both answered the same rows and that is known; else the sum of both variances. */
  variance?: number | undefined;
}

/** What is known of the present step, from all processes. */
export interface StepEvidence {
  candidate: ArmEvidence;
  incumbent: ArmEvidence;
  /** The candidate's share of the units, by the weights; of a shadow its share of the calls. */
  share: number;
  /** Calls beyond the incumbent's p95, and the candidate's beyond the tolerated multiple and the margin's. */
  slow: { tolerated: ArmEvents; margin: ArmEvents } | undefined;
  p95: { candidate: number; incumbent: number } | undefined;
  metrics: MetricEvidence[];
  /** As a shadow: share of rows on which both agree, and the calls that they are of; of classes only. */
  agreement: { share: number; calls: number } | undefined;
  /** Largest distance between the distributions of both versions' predictions. */
  drift: { distance: number; candidate: number; incumbent: number } | undefined;
  /** Versions whose breaker opened in this step. */
  trips: { candidate: boolean; incumbent: boolean };
  /** Logged calls replayed on both: the metric by which the candidate is worse with the smallest p-value, and what was found. */
  backtest: { pValue: number; detail: string } | undefined;
}

const noCalls: ArmEvidence = { units: 0, failedUnits: 0, calls: 0, errors: 0, errorRate: undefined };

/** Evidence of a step in which nothing was seen. */
export const noEvidence: StepEvidence = {
  candidate: noCalls,
  incumbent: noCalls,
  share: 0,
  slow: undefined,
  p95: undefined,
  metrics: [],
  agreement: undefined,
  drift: undefined,
  trips: { candidate: false, incumbent: false },
  backtest: undefined,
};
