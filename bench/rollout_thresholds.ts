import { type Random, seededRandom } from '../src/statistics/random.ts';
import { type Behaviour, latencyOf, type Simulated } from './rollout_simulation.ts';

/**
 * A canary with fixed thresholds, as analysis templates of Argo Rollouts have it: set weight, pause, set weight; beside
 * it each interval's measurements of the candidate are held against constants, and more failures than the limit end it.
 */
export interface FixedPlan {
  /** Weights, and calls for which each lasts. */
  weights: readonly number[];
  callsEach: number;
  /** Calls of both versions between measurements. */
  interval: number;
  failureLimit: number;
  /** Errors and p95 at most, accuracy at least. */
  thresholds: Behaviour;
}

/** Thresholds so many standard errors of a measurement (at the middle weight) from what is usual. */
export function thresholdsAt(usual: Behaviour, deviations: number, calls: number): Behaviour {
  const reach = (share: number) => deviations * Math.sqrt((share * (1 - share)) / calls);
  return {
    errorRate: usual.errorRate + reach(usual.errorRate),
    accuracy: usual.accuracy - reach(usual.accuracy),
    // The density of a lognormal at its p95, by which the share beyond is turned into a factor.
    slower: usual.slower * (1 + reach(0.05) / 0.206),
  };
}

/** Usual p95, in the unit of {@link latencyOf}. */
const usualP95 = Math.exp(0.5 * 1.6449);

export function simulateFixed(
  plan: FixedPlan,
  { candidate, calls }: { candidate: Behaviour; calls: number },
  seed: number,
): Simulated {
  const random = seededRandom(seed);
  let [made, exposed, failures] = [0, 0, 0];
  for (const weight of plan.weights) {
    for (let until = made + plan.callsEach; made < until && made < calls; ) {
      const measured = measure(candidate, weight, plan.interval, random);
      made += plan.interval;
      exposed += measured.calls;
      if (isFailure(measured, plan.thresholds)) failures++;
      if (failures > plan.failureLimit)
        return { ended: 'sent_back', reason: 'a measurement failed', calls: made, exposed };
    }
  }
  return { ended: 'promoted', reason: '', calls: made, exposed };
}

interface Measured {
  calls: number;
  errors: number;
  hits: number;
  latencies: number[];
}

function measure(how: Behaviour, weight: number, interval: number, random: Random): Measured {
  const measured: Measured = { calls: 0, errors: 0, hits: 0, latencies: [] };
  for (let call = 0; call < interval; call++) {
    if (random() >= weight) continue;
    measured.calls++;
    if (random() < how.errorRate) {
      measured.errors++;
      continue;
    }
    measured.latencies.push(latencyOf(how, 0, random));
    if (random() < how.accuracy) measured.hits++;
  }
  return measured;
}

function isFailure({ calls, errors, hits, latencies }: Measured, limits: Behaviour): boolean {
  if (calls === 0) return false;
  const sorted = latencies.sort((a, b) => a - b);
  const p95 = sorted[Math.ceil(0.95 * sorted.length) - 1] ?? 0;
  return (
    errors / calls > limits.errorRate ||
    hits / Math.max(1, latencies.length) < limits.accuracy ||
    p95 > limits.slower * usualP95
  );
}
