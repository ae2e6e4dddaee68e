import { breakerState } from '../../../serving/breaker.ts';
import type { AlertSubject, Verdict } from '../alert.ts';

/** A version's circuit breaker as all processes share it. */
export interface BreakerEvidence {
  /** null: closed. */
  reopensAt: number | null;
  trips: number;
  lastTrippedAt: number | null;
  lastReason: string | null;
  /** The share of the model's calls that the version should get. */
  weight: number;
  /** Failed calls of the version in its recent minutes. */
  recentErrors: number;
}

/** A trip that has ended before an evaluation still fires if it is at most this old, in milliseconds. */
const recentTripMs = 120_000;

/**
 * Fires while a breaker is open, and for a trip of the last two minutes. A trip for failed calls has
 * the same cause as a high error rate, and a trip for slow calls the same as a high latency: each pair is one alert.
 */
export function judgeBreaker(
  modelId: string,
  version: string,
  evidence: BreakerEvidence | undefined,
  now: number,
): Verdict[] {
  const subjectOf = (cause: 'errors' | 'latency'): AlertSubject => ({ cause, modelId, version });
  const quiet = (cause: 'errors' | 'latency', state: 'near' | 'clean'): Verdict => ({
    rule: 'breaker',
    subject: subjectOf(cause),
    state,
  });
  if (evidence === undefined) return [quiet('errors', 'clean'), quiet('latency', 'clean')];
  const { reopensAt, lastTrippedAt, lastReason, trips, weight } = evidence;
  const cause = causeOf(evidence);
  const other = quiet(cause === 'errors' ? 'latency' : 'errors', 'clean');
  const state = breakerState({ reopensAt: reopensAt ?? undefined, openMs: 0 }, now);
  const isRecent = lastTrippedAt !== null && Math.abs(now - lastTrippedAt) < recentTripMs;
  if (state !== 'open' && !isRecent) return [quiet(cause, state === 'half_open' ? 'near' : 'clean'), other];
  return [
    {
      rule: 'breaker',
      subject: subjectOf(cause),
      state: 'firing',
      severity: weight > 0 && state === 'open' ? 'critical' : 'warning',
      summary: `The circuit breaker ${state === 'open' ? 'is open' : 'tripped'}: ${lastReason ?? 'its calls went wrong'} (trip ${trips}).`,
      facts: { state, trips, reason: lastReason, last_tripped_at: isoTime(lastTrippedAt) },
    },
    other,
  ];
}

/** The cause by the breaker's reason. A failed trial call has either cause: it was slow, or it failed. */
function causeOf({ lastReason, recentErrors }: BreakerEvidence): 'errors' | 'latency' {
  if (lastReason?.includes(' calls took ')) return 'latency';
  return lastReason?.includes('trial') && recentErrors === 0 ? 'latency' : 'errors';
}

function isoTime(at: number | null): string | null {
  return at === null ? null : new Date(at).toISOString();
}
