import type { Rollout } from './rollout_store.ts';

/**
 * How often a rollout is looked at: a twentieth of the step's least time, within these, milliseconds; more seldom where
 * it is held, for then each look tries all gates.
 */
const lookEveryMs = { least: 1000, held: 10_000, most: 30_000 };

type Looked = Pick<Rollout, 'plan' | 'step' | 'state'>;

export function lookInterval({ plan, step, state }: Looked): number {
  const wanted = (plan.steps[step]?.leastMs ?? 0) / 20;
  const least = state === 'held' ? lookEveryMs.held : lookEveryMs.least;
  return Math.min(lookEveryMs.most, Math.max(least, wanted));
}

/** How much of the time since the last look counts: that in which no server looked counts towards no wait. */
export function countedSince(rollout: Looked & Pick<Rollout, 'lookedAt'>, now: number): number {
  return Math.max(0, Math.min(now - rollout.lookedAt, 3 * lookInterval(rollout)));
}
