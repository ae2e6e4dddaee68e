import type { AlertSubject, Verdict } from '../alert.ts';
import { leastCalls } from './evidence_bounds.ts';

/** Latency quantiles of a version's recent calls, milliseconds; null without calls. */
export interface LatencyQuantiles {
  calls: number;
  minutes: number;
  p50: number | null;
  p95: number | null;
  /** A 99 % lower bound of the p95. */
  p95AtLeast: number | null;
}

/** An alert ends when the p95 is below this share of the threshold. */
const clearlyBelow = 0.8;

/** Fires when the p95 and its 99 % lower confidence bound are both above `thresholdMs`. */
export function judgeLatency(
  modelId: string,
  version: string,
  { calls, minutes, p50, p95, p95AtLeast }: LatencyQuantiles,
  thresholdMs: number,
): Verdict {
  const subject: AlertSubject = { cause: 'latency', modelId, version };
  const rule = 'latency';
  if (calls < leastCalls || p50 === null || p95 === null || p95AtLeast === null)
    return { rule, subject, state: 'unknown' };
  if (p95AtLeast > thresholdMs)
    return {
      rule,
      subject,
      state: 'firing',
      severity: p50 > thresholdMs ? 'critical' : 'warning',
      summary: `The p95 latency of ${calls} calls in the last ${minutes} minutes is ${p95} ms (threshold ${thresholdMs} ms).`,
      facts: { p50_ms: p50, p95_ms: p95, calls, threshold_ms: thresholdMs, minutes },
    };
  return { rule, subject, state: p95 > clearlyBelow * thresholdMs ? 'near' : 'clean' };
}
