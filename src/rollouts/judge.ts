import {
  apartRatios,
  betterRatios,
  distributionReach,
  logEventRatio,
  logMeanAbove,
  spreadFor,
} from '../statistics/e_process.ts';
import type { MetricEvidence, StepEvidence } from './evidence.ts';
import {
  canarySteps,
  harmLevel,
  type Judged,
  judgedSteps,
  mismatchLevel,
  p95PassLevel,
  passLevel,
} from './levels.ts';
import type { RolloutPlan, RolloutStep } from './plan.ts';
import { combinedHarm, type Harm, logMoreEvents, type Stratum } from './strata.ts';
import { leastUnits, stratumOf } from './stratum_of.ts';

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

/** Judges the step by everything that can be judged in it. @param earlier what the steps before it left */
export function judge(
  plan: RolloutPlan,
  step: RolloutStep,
  earlier: readonly Stratum[],
  evidence: StepEvidence,
): Finding[] {
  const own = stratumOf(evidence);
  const strata = [...earlier, own];
  return [
    errors({ plan, step, strata, own }, evidence),
    ...(step.kind === 'canary' ? [latency({ plan, step, strata, own }, evidence)] : []),
    ...evidence.metrics.map((metric) => outcome({ plan, step, strata, own }, metric)),
    ...agreement(plan, evidence),
    ...drift(plan, evidence),
  ];
}

export function isHarm({ harm, level }: Finding): boolean {
  return harm !== null && harm <= level;
}

/**
 * Whether calls are surely not shared out by the weights: given a unit, it is the candidate's with the probability of
 * its weight. Where a breaker opened calls went elsewhere.
 */
export function isMismatched({ kind }: RolloutStep, { candidate, incumbent, share, trips }: StepEvidence) {
  if (kind !== 'canary' || trips.candidate || trips.incumbent) return false;
  const units = { candidate: candidate.units, incumbent: incumbent.units, share };
  return logEventRatio([units], apartRatios) >= -Math.log(mismatchLevel);
}

interface Judging {
  plan: RolloutPlan;
  step: RolloutStep;
  /** Of all steps so far, the present one last. */
  strata: readonly Stratum[];
  own: Stratum;
}

/**
 * Given that a unit met an error, it was the candidate's with the probability of its weight: that the candidate has
 * more of them is judged exactly, by the first error of each unit. What is ruled out is a difference of the rates; where
 * many calls fail as it is, one that is small beside these is no harm.
 */
function errors(judging: Judging, { candidate, incumbent }: StepEvidence): Finding {
  const { plan, step, strata } = judging;
  const areCalls = strata.every((stratum) => stratum.areCalls);
  const events = strata.map((stratum) => stratum.errors);
  const harm = pOf(logMoreEvents(events, areCalls, judgedSteps(plan)));
  const rates = [candidate, incumbent].map(({ errors, calls }) => `${errors} of ${calls}`);
  const { errorRate, relative } = step.margins;
  const margin = Math.max(errorRate, relative * (incumbent.errorRate?.value ?? 0));
  return {
    ...tested(plan, 'errors', harm),
    criterion: 'error_rate',
    ...ruledOut(
      strata.map((stratum) => stratum.errorRate),
      margin,
    ),
    detail: `Failed calls: ${rates[0]} of the candidate, ${rates[1]} of the incumbent.`,
  };
}

/** Calls that an incumbent's p95 is estimated from, and a candidate's calls beyond it, at least. */
const leastLatencies = { candidate: 20, incumbent: 60 };

/**
 * A longer p95 need not be ruled out, for what is so much slower is seen as soon as there is a p95, which is waited for;
 * where slow calls are those of few entities, a small step would have too few of them for ever.
 */
const mostP95Margin = 4;

/** Calls slower than a multiple of the incumbent's p95, against the incumbent's own slowest twentieth. */
function latency({ plan, step, strata }: Judging, evidence: StepEvidence): Finding {
  const { slow, p95, candidate, incumbent } = evidence;
  const isAsked = step.margins.p95 <= mostP95Margin;
  const isEnough = candidate.calls >= leastLatencies.candidate && incumbent.calls >= leastLatencies.incumbent;
  if (slow === undefined || p95 === undefined || !isEnough)
    return {
      ...tested(plan, 'latency', null),
      criterion: 'p95',
      shown: false,
      wants: undefined,
      detail: 'There are too few calls for a p95, or of too few seconds.',
    };
  const log = logEventRatio([slow.margin], betterRatios);
  const needed = -Math.log(p95PassLevel(plan));
  const ruled = isAsked
    ? `; ${short(step.margins.p95)} times as much is ${log >= needed ? '' : 'not yet '}ruled out`
    : '';
  const timed = strata.filter((stratum) => stratum.slow !== undefined);
  const events = timed.flatMap((stratum) => stratum.slow ?? []);
  const areCalls = timed.every((stratum) => stratum.areCalls);
  return {
    ...tested(plan, 'latency', pOf(logMoreEvents(events, areCalls, canarySteps(plan)))),
    criterion: 'p95',
    shown: isAsked ? log >= needed : undefined,
    wants: log > 0 ? needed / log : undefined,
    detail: `p95 is ${short(p95.candidate)} ms, the incumbent's ${short(p95.incumbent)} ms${ruled}.`,
  };
}

function outcome({ plan, step, strata }: Judging, metric: MetricEvidence): Finding {
  const { name, candidate, incumbent } = metric;
  const isShare = candidate?.events !== undefined || incumbent?.events !== undefined;
  const size = Math.max(Math.abs(incumbent?.value ?? 0), 1e-12);
  const marginIn = ({ margins }: RolloutStep) => (isShare ? margins.share : margins.relative * size);
  const harms = strata.map(({ metrics }) => metrics.find((one) => one.name === name)?.harm);
  const all = combinedHarm(harms);
  const level = harmLevel(plan, 'outcomes');
  // What is looked for is the same in all steps.
  const least = Math.min(...plan.steps.map(marginIn));
  const harm = all && pOf(logMeanAbove(all, 0, spreadFor(least, level)));
  const margin = marginIn(step);
  const passed = ruledOut(harms, margin);
  const values = [candidate, incumbent].map((arm) =>
    arm === undefined ? 'unknown' : `${short(arm.value)} (${arm.rows} rows)`,
  );
  return {
    // A loss that is surely smaller than the least that matters is none, however sure it is.
    ...tested(plan, 'outcomes', ruledOut(harms, least).shown ? null : (harm ?? null)),
    criterion: name,
    ...passed,
    detail: `${name} is ${values[0]}, the incumbent's ${values[1]}; a loss of ${short(margin)} is ${passed.shown ? '' : 'not yet '}ruled out.`,
  };
}

/** Calls of a shadow whose agreement is judged, at least. */
const leastCalls = 100;

function agreement(plan: RolloutPlan, { agreement: found }: StepEvidence): Finding[] {
  if (found === undefined) return [];
  const { share, calls } = found;
  const level = harmLevel(plan, 'agreement');
  const rounded = (share * calls + 1) / (calls + 2);
  const estimate = { mean: -share, variance: (rounded * (1 - rounded)) / calls, degrees: calls - 1 };
  const harm = pOf(logMeanAbove(estimate, -plan.leastAgreement, spreadFor(0.2, level)));
  return [
    {
      ...tested(plan, 'agreement', calls < leastCalls ? null : harm),
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

function tested(plan: RolloutPlan, judged: Judged, harm: number | null): Pick<Finding, 'harm' | 'level'> {
  return { harm, level: harmLevel(plan, judged) };
}

/**
 * Whether harm of at least `margin` is ruled out, by all steps.
 * @param harms of each step, the present one last
 */
function ruledOut(
  harms: readonly (Harm | undefined)[],
  margin: number,
): { shown: boolean; wants: number | undefined } {
  const all = combinedHarm(harms);
  if (all === undefined) return { shown: false, wants: undefined };
  const log = logMeanAbove({ ...all, mean: -all.mean }, -margin, spreadFor(margin, passLevel));
  const shown = log >= -Math.log(passLevel);
  const own = harms.at(-1);
  if (own === undefined) return { shown, wants: undefined };
  // At twice the logarithm of the level, and some, the mixture decides; the present step is to bring what lacks.
  const wanted = (2.5 - 2 * Math.log(passLevel)) / Math.max(margin - all.mean, margin / 4) ** 2;
  return { shown, wants: 1 + Math.max(0, wanted - 1 / all.variance) * own.variance };
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
