import {
  betterRatios,
  distributionReach,
  logEventRatio,
  logMeanAbove,
  spreadFor,
  worseRatios,
} from '../statistics/e_process.ts';
import type { UnitEstimate } from '../statistics/unit_estimate.ts';
import type { MetricEvidence, StepEvidence } from './evidence.ts';
import { harmLevel, type Judged, passLevel } from './levels.ts';
import type { RolloutPlan, RolloutStep } from './plan.ts';

/** What the evidence of a step says about one thing that is judged. */
export interface Finding {
  /** `error_rate`, `p95`, `agreement`, `drift`, or the metric's name. */
  criterion: string;
  /** Always-valid p-value of harm, and the level at which it sends back; null where too little is known. */
  harm: number | null;
  level: number;
  /** Whether harm of the step's margin is ruled out; undefined where it need not be. */
  shown: boolean | undefined;
  /** How many times the evidence that there is would show it, roughly; undefined where that is not known. */
  wants: number | undefined;
  detail: string;
}

/** The harm that a criterion must rule out in this step, comparable over the steps of a plan. */
export function marginOf(criterion: string, { margins }: RolloutStep): number {
  if (criterion === 'error_rate') return margins.errorRate;
  return criterion === 'p95' ? margins.p95 : margins.share;
}

/** Judges the step by everything that can be judged in it. */
export function judge(plan: RolloutPlan, step: RolloutStep, evidence: StepEvidence): Finding[] {
  return [
    errors(plan, step, evidence),
    ...(step.kind === 'canary' ? [latency(plan, step, evidence)] : []),
    ...evidence.metrics.map((metric) => outcome(plan, step, metric)),
    ...agreement(plan, evidence),
    ...drift(plan, evidence),
  ];
}

export function isHarm({ harm, level }: Finding): boolean {
  return harm !== null && harm <= level;
}

/**
 * Given that a unit met an error, it was the candidate's with the probability of its weight: that the candidate has
 * more of them is judged exactly, by the first error of each unit. What is ruled out is a difference of the rates.
 */
function errors(plan: RolloutPlan, step: RolloutStep, evidence: StepEvidence): Finding {
  const { candidate, incumbent, share } = evidence;
  const events = { candidate: candidate.failedUnits, incumbent: incumbent.failedUnits, share };
  const harm = pOf(logEventRatio(events, worseRatios));
  const apart = difference(incumbent.errorRate, candidate.errorRate, false);
  const rates = [candidate, incumbent].map(({ errors, calls }) => `${errors} of ${calls}`);
  return {
    ...tested(plan, 'errors', harm),
    criterion: 'error_rate',
    ...ruledOut(plan, apart, step.margins.errorRate),
    detail: `Failed calls: ${rates[0]} of the candidate, ${rates[1]} of the incumbent.`,
  };
}

/** Calls that an incumbent's p95 is estimated from, and a candidate's calls beyond it, at least. */
const leastLatencies = { candidate: 20, incumbent: 60 };

/** Calls slower than a multiple of the incumbent's p95, against the incumbent's own slowest twentieth. */
function latency(plan: RolloutPlan, step: RolloutStep, evidence: StepEvidence): Finding {
  const { slow, p95, candidate, incumbent } = evidence;
  const isEnough = candidate.calls >= leastLatencies.candidate && incumbent.calls >= leastLatencies.incumbent;
  if (slow === undefined || p95 === undefined || !isEnough)
    return {
      ...tested(plan, 'latency', null),
      criterion: 'p95',
      shown: false,
      wants: undefined,
      detail: 'There are too few calls for a p95.',
    };
  const log = logEventRatio(slow.margin, betterRatios);
  const needed = -Math.log(passLevel(plan));
  return {
    ...tested(plan, 'latency', pOf(logEventRatio(slow.tolerated, worseRatios))),
    criterion: 'p95',
    shown: log >= needed,
    wants: log > 0 ? needed / log : undefined,
    detail: `p95 is ${short(p95.candidate)} ms, the incumbent's ${short(p95.incumbent)} ms; ${short(step.margins.p95)} times as much is ${log >= needed ? '' : 'not yet '}ruled out.`,
  };
}

function outcome(plan: RolloutPlan, step: RolloutStep, metric: MetricEvidence): Finding {
  const { name, candidate, incumbent, higherIsBetter } = metric;
  const isShare = candidate?.events !== undefined || incumbent?.events !== undefined;
  const margin = isShare
    ? step.margins.share
    : step.margins.relative * Math.max(Math.abs(incumbent?.value ?? 0), 1e-12);
  const apart = difference(incumbent, candidate, higherIsBetter, metric.variance);
  const level = harmLevel(plan, 'outcomes');
  const harm = apart && pOf(logMeanAbove(apart, 0, spreadFor(margin, level)));
  const passed = ruledOut(plan, apart, margin);
  const values = [candidate, incumbent].map((arm) =>
    arm === undefined ? 'unknown' : `${short(arm.value)} (${arm.rows} rows)`,
  );
  return {
    ...tested(plan, 'outcomes', passed.shown ? null : (harm ?? null)),
    criterion: name,
    ...passed,
    detail: `${name} is ${values[0]}, the incumbent's ${values[1]}; a loss of ${short(margin)} is ${passed.shown ? '' : 'not yet '}ruled out.`,
  };
}

function agreement(plan: RolloutPlan, { agreement: found }: StepEvidence): Finding[] {
  if (found === undefined) return [];
  const { share, calls } = found;
  const level = harmLevel(plan, 'agreement');
  const rounded = (share * calls + 1) / (calls + 2);
  const estimate = { mean: -share, variance: (rounded * (1 - rounded)) / calls, degrees: calls - 1 };
  const harm = pOf(logMeanAbove(estimate, -plan.leastAgreement, spreadFor(0.2, level)));
  return [
    {
      ...tested(plan, 'agreement', calls < leastRows ? null : harm),
      criterion: 'agreement',
      shown: undefined,
      wants: undefined,
      detail: `Both agree on ${percent(share)} of the rows of ${calls} calls; at least ${percent(plan.leastAgreement)} is wanted.`,
    },
  ];
}

function drift(plan: RolloutPlan, { drift: found }: StepEvidence): Finding[] {
  if (found === undefined || found.candidate < leastUnits || found.incumbent < leastUnits) return [];
  const level = harmLevel(plan, 'drift');
  const { distance, candidate, incumbent } = found;
  const reach = distributionReach(candidate, level / 2) + distributionReach(incumbent, level / 2);
  const isFar = distance - reach > plan.mostDrift;
  return [
    {
      ...tested(plan, 'drift', isFar ? level : 1),
      criterion: 'drift',
      shown: undefined,
      wants: undefined,
      detail: `The distributions of the predictions are ${short(distance)} apart (±${short(reach)}); up to ${short(plan.mostDrift)} is tolerated.`,
    },
  ];
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
  const { value, variance, rows } = accuracy;
  const alone = (value * rows + 1) / (rows + 2);
  const cluster = Math.max(1, (variance * rows) / (alone * (1 - alone)));
  return (((1 - agreement) * rows + 1) * cluster) / rows ** 2;
}

function tested(plan: RolloutPlan, judged: Judged, harm: number | null): Pick<Finding, 'harm' | 'level'> {
  return { harm, level: harmLevel(plan, judged) };
}

/** The theory is asymptotic: below these variances are not known. */
const leastRows = 100;
const leastUnits = 20;

/** How much worse the candidate is, with its variance; undefined where too little is known. */
function difference(
  incumbent: UnitEstimate | undefined,
  candidate: UnitEstimate | undefined,
  higherIsBetter: boolean,
  paired?: number,
): { mean: number; variance: number; degrees: number } | undefined {
  if (incumbent === undefined || candidate === undefined) return undefined;
  const arms = [incumbent, candidate];
  if (arms.some(({ rows, units }) => rows < leastRows / 2 || units < leastUnits)) return undefined;
  const mean = (higherIsBetter ? -1 : 1) * (candidate.value - incumbent.value);
  const variance = incumbent.variance + candidate.variance;
  const degrees =
    variance ** 2 /
    (incumbent.variance ** 2 / (incumbent.units - 1) + candidate.variance ** 2 / (candidate.units - 1));
  if (!(variance > 0)) return undefined;
  return { mean, variance: Math.min(variance, paired ?? variance), degrees };
}

/** Whether harm of at least `margin` is ruled out. */
function ruledOut(
  plan: RolloutPlan,
  apart: ReturnType<typeof difference>,
  margin: number,
): { shown: boolean; wants: number | undefined } {
  if (apart === undefined) return { shown: false, wants: undefined };
  const level = passLevel(plan);
  const log = logMeanAbove({ ...apart, mean: -apart.mean }, -margin, spreadFor(margin, level));
  // At twice the logarithm of the level, and some, the mixture decides.
  const wanted = (2.5 - 2 * Math.log(level)) * apart.variance;
  return { shown: log >= -Math.log(level), wants: wanted / Math.max(margin - apart.mean, margin / 4) ** 2 };
}

function pOf(log: number): number {
  return Math.min(1, Math.exp(-log));
}

function percent(share: number): string {
  return `${Number((100 * share).toFixed(1))} %`;
}

function short(value: number): string {
  return String(Number(value.toPrecision(3)));
}
