import type { AlertSubject, Verdict } from '../alert.ts';
import { percent } from './evidence_bounds.ts';

/** How well a version does on recent outcomes, beside how well it did on its reference. */
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
}

/**
 * Where the performance of a version comes from; undefined where it cannot be told.
 * Whoever measures performance implements it.
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
 * Fires when a version is worse than on its reference by more than `threshold` of the reference's value, and the
 * interval of its current value leaves no room for the reference's.
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
  const { metric, higherIsBetter, reference, current, low, high, outcomes, isEstimate } = evidence;
  const loss = higherIsBetter ? reference - current : current - reference;
  // An error that was 0 has no share: whatever it is now is all of it.
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

function hasFiniteNumbers({ reference, current, low, high }: PerformanceEvidence): boolean {
  return [reference, current, low, high].every(Number.isFinite);
}

function shown(value: number): string {
  return String(Number(value.toPrecision(4)));
}
