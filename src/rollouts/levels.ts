import { isJudged, type RolloutPlan } from './plan.ts';

/**
 * How the 5 % by which versions that are alike may be sent back are shared out over what is judged. Each but the drift is
 * one test over all steps of the rollout, that of outcomes one for each metric. The sum bounds the error whatever depends
 * on what (Bonferroni), and one may look as often as one likes.
 */
const split = { errors: 0.012, latency: 0.016, outcomes: 0.016, agreement: 0.002, drift: 0.002 } as const;

/** Of the backtest, which is looked at once: the rest of the 5 %. */
export const backtestLevel = 0.002;

export type Judged = keyof typeof split;

export function harmLevel(plan: RolloutPlan, judged: Judged): number {
  if (judged === 'outcomes') return split.outcomes / Math.max(1, plan.metrics.length);
  return judged === 'drift' ? split.drift / Math.max(1, judgedSteps(plan)) : split[judged];
}

/**
 * In how many rollouts of a version that is worse by the margin any one check may let it pass: the smallest margin is ruled
 * out once, by all steps so far.
 */
export const passLevel = 0.1;

/** That of the p95, which each step rules out by its own calls: over the steps of the smallest margin. */
export function p95PassLevel({ steps }: RolloutPlan): number {
  const canaries = steps.filter(({ kind }) => kind === 'canary');
  const least = Math.min(...canaries.map(({ margins }) => margins.p95));
  return passLevel / Math.max(1, canaries.filter(({ margins }) => margins.p95 === least).length);
}

/** At most in this share of rollouts calls that are shared out by the weights are called mismatched. */
export const mismatchLevel = 0.001;

/** Steps in which both versions answer, so that they are compared. */
export function judgedSteps({ steps }: RolloutPlan): number {
  return steps.filter(isJudged).length;
}

/** Steps in which both answer callers. */
export function canarySteps({ steps }: RolloutPlan): number {
  return steps.filter(({ kind }) => kind === 'canary').length;
}
