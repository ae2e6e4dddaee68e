import type { StepEvidence } from './evidence.ts';
import { type Finding, isHarm, isMismatched, judge, marginOf } from './judge.ts';
import { backtestLevel, mismatchLevel } from './levels.ts';
import { isJudged, type RolloutPlan, type RolloutStep, stepName } from './plan.ts';
import type { Stratum } from './strata.ts';
import { stratumOf } from './stratum_of.ts';

export type Action = 'go_on' | 'go_back' | 'hold' | 'not_enough_yet';

/** Where a rollout stands. */
export interface RolloutProgress {
  /** Position of the present step in the plan. */
  step: number;
  /** How long a server has run since the step began, milliseconds. */
  ranMs: number;
  /** By criterion, the smallest harm that earlier steps ruled out. */
  shown: Readonly<Record<string, number>>;
  /** What earlier steps in which both versions answered said. */
  strata: readonly Stratum[];
}

export interface Decision {
  action: Action;
  /** Why, a sentence or two. */
  reason: string;
  findings: Finding[];
  shown: Record<string, number>;
  /** What all steps said, once this one is over. */
  strata: readonly Stratum[];
  /** About how much longer the step takes if calls go on coming as they did; undefined where that is not known. */
  expectedMs: number | undefined;
}

/**
 * What comes next in a rollout, from its plan, where it stands and what is known of the present step; nothing else
 * decides. It may be asked as often as one likes.
 */
export function decide(plan: RolloutPlan, progress: RolloutProgress, evidence: StepEvidence): Decision {
  const step = plan.steps[progress.step];
  if (step === undefined) throw new Error(`the plan has no step ${progress.step}`);
  const findings = isJudged(step) ? judge(plan, step, progress.strata, evidence) : [];
  const shown = shownBy(progress, step, findings);
  const decided = (action: Action, reason: string, expectedMs?: number): Decision => ({
    action,
    reason,
    findings,
    shown,
    strata:
      action === 'go_on' && isJudged(step) ? [...progress.strata, stratumOf(evidence)] : progress.strata,
    expectedMs,
  });
  const harm = harmOf(step, evidence, findings);
  if (harm !== undefined) return decided(harm.action, harm.reason);
  if (isMismatched(step, evidence))
    return decided(
      'hold',
      `In ${stepName(step)} calls are not shared out by the weights: ${evidence.candidate.units} of ${evidence.candidate.units + evidence.incumbent.units} entities or calls are the candidate's (p < ${mismatchLevel}, at any number of looks), so that nothing compares. Find out which are missing, then resume.`,
    );
  const lacks = whatLacks(plan, step, progress, evidence, findings, shown);
  if (lacks.length === 0)
    return decided('go_on', `${stepName(step)} has shown what it must: ${summary(findings, step, evidence)}`);
  const waits = lacks.map(({ what }) => what).join(' ');
  const expected = Math.max(...lacks.map(({ moreMs }) => moreMs ?? Number.NaN));
  if (progress.ranMs >= step.longestMs)
    return decided(
      'hold',
      `${stepName(step)} has waited its longest time without enough evidence, and silence promotes nothing. ${waits}`,
    );
  return decided('not_enough_yet', waits, Number.isNaN(expected) ? undefined : Math.round(expected));
}

function harmOf(
  step: RolloutStep,
  { trips, backtest }: StepEvidence,
  findings: readonly Finding[],
): { action: Action; reason: string } | undefined {
  if (backtest !== undefined && backtest.pValue <= backtestLevel)
    return {
      action: 'go_back',
      reason: `Replayed calls show harm (p ${atMost(backtest.pValue)}). ${backtest.detail}`,
    };
  if (trips.candidate && trips.incumbent)
    return {
      action: 'hold',
      reason: `In ${stepName(step)} the circuit breakers of both versions opened: that is no difference between them.`,
    };
  if (trips.candidate)
    return {
      action: 'go_back',
      reason: `In ${stepName(step)} the candidate's circuit breaker opened, the incumbent's did not.`,
    };
  const found = findings.find(isHarm);
  return (
    found && {
      action: 'go_back',
      reason: `${stepName(step)} shows harm by ${found.criterion} (p ${atMost(found.harm ?? 1)}, level ${found.level.toPrecision(2)}, at any number of looks). ${found.detail}`,
    }
  );
}

interface Lack {
  what: string;
  moreMs: number | undefined;
}

function whatLacks(
  plan: RolloutPlan,
  step: RolloutStep,
  { ranMs }: RolloutProgress,
  { candidate }: StepEvidence,
  findings: readonly Finding[],
  shown: Readonly<Record<string, number>>,
): Lack[] {
  const lacks: Lack[] = [];
  if (ranMs < step.leastMs)
    lacks.push({
      what: `It has run ${seconds(ranMs)} of at least ${seconds(step.leastMs)}.`,
      moreMs: step.leastMs - ranMs,
    });
  if (candidate.calls < step.leastCalls)
    lacks.push({
      what: `The candidate had ${candidate.calls} of at least ${step.leastCalls} calls.`,
      moreMs: candidate.calls === 0 ? undefined : ranMs * (step.leastCalls / candidate.calls - 1),
    });
  for (const { criterion, detail, wants } of findings.filter(({ shown: is }) => is !== undefined))
    if (!((shown[criterion] ?? Number.POSITIVE_INFINITY) <= marginOf(criterion, step)))
      lacks.push({ what: detail, moreMs: wants === undefined ? undefined : ranMs * Math.max(0, wants - 1) });
  const missing = isJudged(step)
    ? plan.metrics.filter((name) => !findings.some(({ criterion }) => criterion === name))
    : [];
  if (missing.length > 0)
    lacks.push({ what: `Outcomes for ${missing.join(', ')} have not come.`, moreMs: undefined });
  return lacks;
}

/** What is ruled out once stays so: the claim is about the versions, not about the step. */
function shownBy(
  { shown }: RolloutProgress,
  step: RolloutStep,
  findings: readonly Finding[],
): Record<string, number> {
  const all = { ...shown };
  for (const finding of findings)
    if (finding.shown === true) {
      const before = all[finding.criterion] ?? Number.POSITIVE_INFINITY;
      all[finding.criterion] = Math.min(before, marginOf(finding.criterion, step));
    }
  return all;
}

function summary(
  findings: readonly Finding[],
  step: RolloutStep,
  { candidate, backtest }: StepEvidence,
): string {
  if (backtest !== undefined) return backtest.detail;
  if (step.kind === 'production') return 'its gates are passed.';
  if (findings.length === 0) return `${candidate.calls} calls, and no circuit breaker opened.`;
  return findings.map(({ detail }) => detail).join(' ');
}

function atMost(p: number): string {
  return p < 1e-6 ? '< 0.000001' : `≤ ${p.toPrecision(2)}`;
}

function seconds(ms: number): string {
  return `${Math.round(ms / 1000)} s`;
}
