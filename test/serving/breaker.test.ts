import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  breakerState,
  type CallWindow,
  opened,
  defaultBreakerPolicy as policy,
  recordCall,
  trialFailed,
  tripReason,
} from '../../src/serving/breaker.ts';

const failed = { failed: true, latencyMs: 1 };
const good = { failed: false, latencyMs: 1 };
const slow = { failed: false, latencyMs: policy.slowMs };

function windowOf(
  outcomes: { failed: boolean; latencyMs: number }[],
  stepMs = 0,
  start = 1_000_000,
): CallWindow {
  return outcomes.reduce<CallWindow>(
    (window, outcome, index) => recordCall(window, outcome, policy, start + index * stepMs),
    [],
  );
}

describe('the window', () => {
  it('opens on half of at least 20 calls failed, not on fewer calls', () => {
    expect(tripReason(windowOf(Array(19).fill(failed)), policy)).toBeUndefined();
    expect(tripReason(windowOf([...Array(10).fill(failed), ...Array(10).fill(good)]), policy)).toBe(
      '10 of 20 calls failed',
    );
    expect(tripReason(windowOf([...Array(9).fill(failed), ...Array(11).fill(good)]), policy)).toBeUndefined();
  });

  it('opens on 80 % slow calls', () => {
    expect(tripReason(windowOf([...Array(16).fill(slow), ...Array(4).fill(good)]), policy)).toContain(
      '1000 ms or more',
    );
    expect(tripReason(windowOf([...Array(15).fill(slow), ...Array(5).fill(good)]), policy)).toBeUndefined();
  });

  it('forgets what is older than a minute', () => {
    const old = windowOf(Array(20).fill(failed));
    const later = recordCall(
      old,
      good,
      policy,
      1_000_000 + policy.windowMs + policy.windowMs / policy.buckets,
    );
    expect(tripReason(later, policy)).toBeUndefined();
    expect(later.length).toBe(1);
  });

  it('never has more buckets than the policy says, nor loses a call of the last window, also when the clock goes back', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: -30_000, max: 30_000 }), { maxLength: 200 }), (steps) => {
        let now = 10_000_000;
        let window: CallWindow = [];
        for (const step of steps) {
          now += step;
          window = recordCall(window, good, policy, now);
          expect(window.length).toBeLessThanOrEqual(policy.buckets);
          expect(window.at(-1)?.calls).toBeGreaterThanOrEqual(1);
        }
      }),
    );
  });
});

describe('the shared state', () => {
  it('is closed, open until its time, then half-open', () => {
    expect(breakerState(undefined, 5)).toBe('closed');
    const state = opened(undefined, policy, 1000);
    expect(state).toEqual({ reopensAt: 31_000, openMs: 30_000 });
    expect(breakerState(state, 30_999)).toBe('open');
    expect(breakerState(state, 31_000)).toBe('half_open');
  });

  it('stays open twice as long with every failed trial, up to five minutes', () => {
    let state = opened(undefined, policy, 0);
    const lengths = [state.openMs];
    for (let round = 0; round < 5; round++) {
      state = opened(state, policy, 0);
      lengths.push(state.openMs);
    }
    expect(lengths).toEqual([30_000, 60_000, 120_000, 240_000, 300_000, 300_000]);
  });

  it('starts with 30 s again after it was closed', () => {
    expect(opened({ reopensAt: undefined, openMs: 240_000 }, policy, 0).openMs).toBe(30_000);
  });

  it('takes a slow trial for a failed one', () => {
    expect(trialFailed(slow, policy)).toBe(true);
    expect(trialFailed(failed, policy)).toBe(true);
    expect(trialFailed(good, policy)).toBe(false);
  });
});
