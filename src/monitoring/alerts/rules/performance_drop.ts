import type { AlertSubject, Verdict } from '../alert.ts';
import { percent } from './evidence_bounds.ts';

/** A version's performance on recent outcomes, and on its reference. */
export interface PerformanceEvidence {
  /** accuracy, roc_auc, rmse … */
  metric: string;
  higherIsBetter: boolean;
  reference: number;
  current: number;
  /** An interval of the current value at 95 % or more. */
  low: number;
  high: number;
  /** Recent predictions with an outcome. */
  outcomes: number;
  /** Whether it is estimated without outcomes. */
  isEstimate: boolean;
  /** All metrics that were tested against the reference, with a common false-alarm rate; empty for an estimate. */
  drops?: readonly PerformanceDrop[] | undefined;
  /** From when to when the predictions were made, milliseconds since 1970. */
  window?: { since: number; until: number } | undefined;
}

interface PerformanceDrop {
  metric: string;
  reference: number | null;
  current: number | null;
  /** As a share of the reference's value; null where that value is nearly 0. */
  by: number | null;
  dropped: boolean;
}

/**
 * Measures a version's performance; undefined where it cannot be measured. The room live_performance implements it.
 */
export type PerformanceReader = (
  modelId: string,
  version: string,
  now: number,
) => Promise<PerformanceEvidence | undefined>;

const leastOutcomes = 50;

/** An alert ends when the drop is below this share of the threshold. */
const clearlyBelow = 0.7;

/**
 * Fires when a version is worse than on its reference by more than `threshold` of the reference's value, by any metric that
 * was judged. An estimate has one: the interval of its current value must leave no room for the reference's.
 */
export function judgePerformance(
  modelId: string,
  version: string,
  evidence: PerformanceEvidence | undefined,
  threshold: number,
): Verdict {
  const subject: AlertSubject = { cause: 'performance', modelId, version };
  const rule = 'performance';
  if (evidence === undefined || evidence.outcomes < leastOutcomes || !hasFiniteNumbers(evidence))
    return { rule, subject, state: 'unknown' };
  if (evidence.drops !== undefined && evidence.drops.length > 0)
    return judgeDrops(evidence, evidence.drops, threshold, subject);
  const { metric, higherIsBetter, reference, current, low, high, outcomes, isEstimate } = evidence;
  const loss = higherIsBetter ? reference - current : current - reference;
  // The reference's error is 0: any error now exceeds every relative threshold.
  const drop = loss <= 0 ? 0 : loss / Math.max(Math.abs(reference), Number.MIN_VALUE);
  const isEvident = higherIsBetter ? high < reference : low > reference;
  if (drop > threshold && isEvident)
    return {
      rule,
      subject,
      state: 'firing',
      severity: drop > 2 * threshold ? 'critical' : 'warning',
      summary: `${isEstimate ? 'Estimated ' : ''}${metric} is ${shown(current)} on ${outcomes} recent predictions, ${shown(reference)} on the reference (threshold ${percent(threshold)} of it).`,
      facts: { metric, reference, current, low, high, outcomes, is_estimate: isEstimate, threshold },
    };
  return { rule, subject, state: drop > clearlyBelow * threshold ? 'near' : 'clean' };
}

function judgeDrops(
  { outcomes, window }: PerformanceEvidence,
  drops: readonly PerformanceDrop[],
  threshold: number,
  subject: AlertSubject,
): Verdict {
  const rule = 'performance';
  const share = ({ by }: PerformanceDrop) => by ?? Number.POSITIVE_INFINITY;
  const dropped = drops.filter((one) => one.dropped).toSorted((one, other) => share(other) - share(one));
  const [worst] = dropped;
  if (worst === undefined) {
    const isNear = drops.some(({ by }) => by !== null && by > clearlyBelow * threshold);
    return { rule, subject, state: isNear ? 'near' : 'clean' };
  }
  const change = ({ metric, reference, current }: PerformanceDrop) =>
    `${metric} ${shown(current ?? 0)} (reference ${shown(reference ?? 0)})`;
  const made =
    window && ` made ${new Date(window.since).toISOString()} to ${new Date(window.until).toISOString()}`;
  return {
    rule,
    subject,
    state: 'firing',
    severity: share(worst) > 2 * threshold ? 'critical' : 'warning',
    summary: `Worse than on the reference by more than ${percent(threshold)}: ${dropped.map(change).join(', ')}, on ${outcomes} predictions with outcomes${made ?? ''}.`,
    facts: {
      metric: worst.metric,
      reference: worst.reference,
      current: worst.current,
      dropped: dropped.map(({ metric }) => metric).join(', '),
      outcomes,
      is_estimate: false,
      threshold,
    },
  };
}

function hasFiniteNumbers({ reference, current, low, high }: PerformanceEvidence): boolean {
  return [reference, current, low, high].every(Number.isFinite);
}

function shown(value: number): string {
  return String(Number(value.toPrecision(4)));
}
