import type { Verdict } from './alert.ts';
import type { Evidence } from './evidence.ts';
import { judgeBreaker } from './rules/breaker_trips.ts';
import { judgeDrift } from './rules/data_drift.ts';
import { judgeErrorRate } from './rules/error_rate.ts';
import { judgeLatency } from './rules/latency.ts';
import { judgePerformance, type PerformanceEvidence } from './rules/performance_drop.ts';
import { judgeSampleRatio } from './rules/sample_ratio.ts';
import { judgeSilence } from './rules/silence.ts';

/**
 * The verdicts of all rules on everything that is deployed.
 *
 * @param performance by `model@version`, where it is known
 */
export function judgeEvidence(
  evidence: Evidence,
  performance: ReadonlyMap<string, PerformanceEvidence>,
  performanceThreshold: number,
  now: number,
): Verdict[] {
  return [
    ...evidence.versions.flatMap(({ modelId, version, thresholds, calls, breaker, drift }) => [
      judgeErrorRate(modelId, version, calls, thresholds.errorRate),
      judgeLatency(modelId, version, calls, thresholds.latencyMs),
      ...judgeBreaker(modelId, version, breaker, now),
      ...judgeDrift(modelId, version, drift),
      judgePerformance(modelId, version, performance.get(`${modelId}@${version}`), performanceThreshold),
    ]),
    ...evidence.routes.flatMap(({ modelId, traffic, assignments }) => [
      judgeSilence(modelId, traffic, now),
      judgeSampleRatio(modelId, assignments),
    ]),
  ];
}
