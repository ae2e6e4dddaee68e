import type { AlertSubject, Verdict } from '../alert.ts';
import { leastCalls, percent, shareLowerBound } from './evidence_bounds.ts';

/** The calls of a version in its recent minutes. */
export interface CallCounts {
  calls: number;
  errors: number;
  /** The length of the stretch that was counted, minutes. */
  minutes: number;
}

/** An alert ends when the rate is below this share of the threshold. */
const clearlyBelow = 0.7;

/**
 * Fires when more calls fail than `threshold` (a share) allows, and so many that chance does not explain it: the 99 %
 * lower bound of the rate is above the threshold too.
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
