import type { AlertSubject, Verdict } from '../alert.ts';

/** When a model was called before its last call. */
export interface TrafficEvidence {
  lastCallAt: number;
  /** Of the seven days before the last call; undefined when the last call is too recent for a silence. */
  history: TrafficHistory | undefined;
  /** Whether a breaker of the model is not closed: then calls are refused, and another alert says so. */
  isRefusing: boolean;
}

export interface TrafficHistory {
  calls: number;
  /** How many clock hours had at least one call. */
  activeHours: number;
  /** The longest stretch without a call, milliseconds. */
  longestGapMs: number;
}

/** Pauses shorter than this are never a silence, in milliseconds. */
export const shortestSilenceMs = 15 * 60_000;

const leastCallsBefore = 500;
const leastActiveHours = 12;
/** How many times the longest pause so far a silence must last. */
const pauses = 3;

/**
 * Fires when calls to a busy model stop: without a call for three times the longest pause of the week before, which
 * includes nights and weekends. A model that was called in few hours of that week is not judged.
 */
export function judgeSilence(modelId: string, evidence: TrafficEvidence | undefined, now: number): Verdict {
  const subject: AlertSubject = { cause: 'silence', modelId, version: null };
  const rule = 'missing_data';
  if (evidence === undefined) return { rule, subject, state: 'unknown' };
  const { lastCallAt, history, isRefusing } = evidence;
  const silenceMs = now - lastCallAt;
  if (silenceMs < shortestSilenceMs) return { rule, subject, state: 'clean' };
  if (
    isRefusing ||
    history === undefined ||
    history.calls < leastCallsBefore ||
    history.activeHours < leastActiveHours ||
    silenceMs < pauses * history.longestGapMs
  )
    return { rule, subject, state: 'near' };
  const minutes = Math.floor(silenceMs / 60_000);
  return {
    rule,
    subject,
    state: 'firing',
    severity: 'warning',
    summary: `No call for ${minutes} minutes, after ${history.calls} calls in the week before with no pause over ${Math.ceil(history.longestGapMs / 60_000)} minutes (calls with unfit input are not counted).`,
    facts: {
      last_call_at: new Date(lastCallAt).toISOString(),
      silent_minutes: minutes,
      calls_before: history.calls,
      longest_pause_minutes: Math.ceil(history.longestGapMs / 60_000),
    },
  };
}
