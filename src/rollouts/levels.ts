import { judgedSteps, type RolloutPlan } from './plan.ts';

/**
 * How the 5 % by which versions that are alike may be sent back are shared out: over what is judged, and each share
 * evenly over the steps in which both versions answer (and over the metrics). The sum bounds the error of the whole
 * rollout whatever depends on what (Bonferroni); within a step one may look as often as one likes.
 */
const split = { errors: 0.012, latency: 0.016, outcomes: 0.016, agreement: 0.002, drift: 0.002 } as const;

/** Of the backtest, which is looked at once: the rest of the 5 %. */
export const backtestLevel = 0.002;

export type Judged = keyof typeof split;

/** The level of one test of one step. */
export function harmLevel(plan: RolloutPlan, judged: Judged): number {
  const metrics = judged === 'outcomes' ? Math.max(1, plan.metrics.length) : 1;
  return split[judged] / judgedSteps(plan) / metrics;
}

/** In how many rollouts of a version that is worse by the margin any one check may let it pass, over all steps. */
const passedInError = 0.1;

export function passLevel(plan: RolloutPlan): number {
  return passedInError / judgedSteps(plan);
}
