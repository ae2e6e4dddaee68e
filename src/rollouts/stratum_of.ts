import type { UnitEstimate } from '../statistics/unit_estimate.ts';
import type { MetricEvidence, StepEvidence } from './evidence.ts';
import type { Harm, Stratum } from './strata.ts';

/** The theory is asymptotic: below these variances are not known. */
const leastRows = 50;
/** Units that say as much as so many of equal weight, at least, as in A/B verdicts. */
export const leastUnits = 10;

/** What one step says about the difference between both versions. */
export function stratumOf(evidence: StepEvidence): Stratum {
  const { candidate, incumbent, share, slow, metrics } = evidence;
  const areCalls = [candidate, incumbent].every(({ units, calls }) => units === calls);
  return {
    errors: { candidate: candidate.failedUnits, incumbent: incumbent.failedUnits, share },
    errorRate: harmOf({ candidate: candidate.errorRate, incumbent: incumbent.errorRate }, areCalls),
    slow: slow?.tolerated,
    metrics: metrics.map((metric) => ({ name: metric.name, harm: harmOf(metric, areCalls) })),
    areCalls,
  };
}

/** How much worse the candidate is; undefined where too little is known. */
function harmOf(
  {
    candidate,
    incumbent,
    higherIsBetter = false,
    variance: paired,
  }: Pick<MetricEvidence, 'candidate' | 'incumbent' | 'variance'> & { higherIsBetter?: boolean },
  areCalls: boolean,
): Harm | undefined {
  if (incumbent === undefined || candidate === undefined) return undefined;
  const arms = [incumbent, candidate];
  if (arms.some(({ rows, units }) => rows < leastRows || units < leastUnits)) return undefined;
  const mean = (higherIsBetter ? -1 : 1) * (candidate.value - incumbent.value);
  const variance = incumbent.variance + candidate.variance;
  const degrees =
    variance ** 2 /
    (incumbent.variance ** 2 / (incumbent.units - 1) + candidate.variance ** 2 / (candidate.units - 1));
  if (!(variance > 0)) return undefined;
  const alone = arms.reduce((sum, arm) => sum + (varianceAlone(arm) ?? 0), 0);
  const between = areCalls ? 0 : Math.max(0, 1 - alone / variance);
  return { mean, variance: Math.min(variance, paired ?? variance), degrees, between };
}

/** The variance of a share, if its rows came singly; undefined of what is no share. */
function varianceAlone({ value, rows, events }: UnitEstimate): number | undefined {
  if (events === undefined) return undefined;
  const rounded = (value * rows + 1) / (rows + 2);
  return (rounded * (1 - rounded)) / rows;
}

/**
 * The variance of a difference of accuracies on the same rows: where both versions agree there is none, so that the
 * square of a row's difference is at most the share on which they do not (McNemar 1947), with one row more that they do
 * not agree on; times the design effect of rows that come in units.
 *
 * @param agreement share of the rows on which both versions agree
 * @param accuracy of one of them on those rows
 */
export function pairedVariance(agreement: number, accuracy: UnitEstimate): number {
  const { variance, rows } = accuracy;
  const cluster = Math.max(1, variance / (varianceAlone(accuracy) ?? variance));
  return (((1 - agreement) * rows + 1) * cluster) / rows ** 2;
}
