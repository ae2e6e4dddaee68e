import type { AlertSubject, Verdict } from '../alert.ts';
import { leastCalls, percent, shareLowerBound } from './evidence_bounds.ts';

/** The calls of a version in its recent minutes. */
export interface CallCounts {
  calls: number;
  errors: number;
  /** Length of the window that was counted, minutes. */
  minutes: number;
}

/** An alert ends when the rate is below this share of the threshold. */
const clearlyBelow = 0.7;

/**
 * Fires when the error rate is above `threshold` (a share of the calls) and chance does not explain it: the rate's
 * 99 % lower confidence bound is above the threshold too.
 */
export function judgeErrorRate(
  modelId: string,
  version: string,
  { calls, errors, minutes }: CallCounts,
  threshold: number,
): Verdict {
  const subject: AlertSubject = { cause: 'errors', modelId, version };
  const rule = 'error_rate';
  if (calls < leastCalls) return { rule, subject, state: 'unknown' };
  const rate = errors / calls;
  if (shareLowerBound(errors, calls) > threshold)
    return {
      rule,
      subject,
      state: 'firing',
      severity: rate >= 0.5 ? 'critical' : 'warning',
      summary: `${percent(rate)} of ${calls} calls failed in the last ${minutes} minutes (threshold ${percent(threshold)}).`,
      facts: { rate, calls, errors, threshold, minutes },
    };
  return { rule, subject, state: rate > clearlyBelow * threshold ? 'near' : 'clean' };
}
