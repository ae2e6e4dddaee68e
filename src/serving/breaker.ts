/**
 * The circuit breaker of one version: pure functions of its state, what happened and the time. Each process
 * keeps a sliding window of its own calls; when that trips, the open state is shared through the database.
 * The defaults are those found in the field: 60 s in 10 buckets, at least 20 calls, half of them failed or
 * 80 % slow, open for 30 s and twice as long with each failed trial up to 5 min, 5 trial calls.
 */
export interface BreakerPolicy {
  windowMs: number;
  buckets: number;
  minimumCalls: number;
  /** Share of failed calls that opens the breaker. */
  failureShare: number;
  /** Share of slow calls that opens the breaker. */
  slowShare: number;
  /** Calls that take at least this long are slow. */
  slowMs: number;
  openMs: number;
  maxOpenMs: number;
  /** Calls let through half-open; all must succeed for it to close. */
  trials: number;
}

export const defaultBreakerPolicy: BreakerPolicy = {
  windowMs: 60_000,
  buckets: 10,
  minimumCalls: 20,
  failureShare: 0.5,
  slowShare: 0.8,
  slowMs: 1000,
  openMs: 30_000,
  maxOpenMs: 300_000,
  trials: 5,
};

/** The state that all processes share. */
export interface SharedBreaker {
  /** When it stops being open; undefined when closed. Afterwards the breaker is half-open. */
  reopensAt: number | undefined;
  /** For how long it was last opened. */
  openMs: number;
}

export type BreakerState = 'closed' | 'open' | 'half_open';

export function breakerState(shared: SharedBreaker | undefined, now: number): BreakerState {
  if (shared?.reopensAt === undefined) return 'closed';
  return now < shared.reopensAt ? 'open' : 'half_open';
}

export interface CallOutcome {
  failed: boolean;
  latencyMs: number;
}

interface Bucket {
  /** Which stretch of time it counts: floor(time / bucket length). */
  index: number;
  calls: number;
  failed: number;
  slow: number;
}

/** The calls of the last window, by buckets, oldest first. */
export type CallWindow = readonly Bucket[];

/** The window after one more call. If the clock was set back, the call counts in the newest bucket. */
export function recordCall(
  window: CallWindow,
  outcome: CallOutcome,
  policy: BreakerPolicy,
  now: number,
): CallWindow {
  const length = policy.windowMs / policy.buckets;
  const newest = window.at(-1);
  const index = Math.max(Math.floor(now / length), newest?.index ?? 0);
  const current = newest?.index === index ? newest : { index, calls: 0, failed: 0, slow: 0 };
  const kept = window.filter((bucket) => bucket !== current && bucket.index > index - policy.buckets);
  return [
    ...kept,
    {
      index,
      calls: current.calls + 1,
      failed: current.failed + (outcome.failed ? 1 : 0),
      slow: current.slow + (isSlow(outcome, policy) ? 1 : 0),
    },
  ];
}

/** A call that fails at once is not slow; one that takes long and fails is both. */
function isSlow(outcome: CallOutcome, policy: BreakerPolicy): boolean {
  return outcome.latencyMs >= policy.slowMs;
}

/** Why the window's calls open the breaker, or undefined when they do not. */
export function tripReason(window: CallWindow, policy: BreakerPolicy): string | undefined {
  const calls = sum(window, 'calls');
  if (calls < policy.minimumCalls) return undefined;
  const failed = sum(window, 'failed');
  if (failed / calls >= policy.failureShare) return `${failed} of ${calls} calls failed`;
  const slow = sum(window, 'slow');
  if (slow / calls >= policy.slowShare) return `${slow} of ${calls} calls took ${policy.slowMs} ms or more`;
  return undefined;
}

function sum(window: CallWindow, field: 'calls' | 'failed' | 'slow'): number {
  return window.reduce((total, bucket) => total + bucket[field], 0);
}

/** The shared state after it opened at `now`: anew, or again because a trial failed. */
export function opened(shared: SharedBreaker | undefined, policy: BreakerPolicy, now: number): SharedBreaker {
  const again = shared?.reopensAt !== undefined;
  const openMs = again ? Math.min(shared.openMs * 2, policy.maxOpenMs) : policy.openMs;
  return { reopensAt: now + openMs, openMs };
}

/** Whether a trial call failed or was slow. */
export function trialFailed(outcome: CallOutcome, policy: BreakerPolicy): boolean {
  return outcome.failed || isSlow(outcome, policy);
}
