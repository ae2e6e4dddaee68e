import { mismatchLevel, sampleRatioTest } from '../../../statistics/sample_ratio.ts';
import type { AlertSubject, Verdict } from '../alert.ts';

/** How many assignment units (entities, or calls without an entity) the weights sent to each version. */
export interface Assignments {
  units: ReadonlyMap<string, number>;
  /** The configured weights, above 0; they sum to 1. */
  weights: ReadonlyMap<string, number>;
}

const nearAt = 0.01;

/**
 * Fires when the versions of a route do not get their shares: Pearson's χ² of the observed against the configured
 * weights, p < 0.001 (scipy.stats.chisquare). Calls that are not split as configured invalidate every A/B verdict.
 */
export function judgeSampleRatio(modelId: string, evidence: Assignments | undefined): Verdict {
  const subject: AlertSubject = { cause: 'routing', modelId, version: null };
  const rule = 'sample_ratio';
  if (evidence === undefined) return { rule, subject, state: 'unknown' };
  const counts = [...evidence.weights.keys()].map((version) => evidence.units.get(version) ?? 0);
  const total = counts.reduce((sum, count) => sum + count, 0);
  const test = sampleRatioTest(counts, [...evidence.weights.values()]);
  if (test === undefined) return { rule, subject, state: 'unknown' };
  if (test.pValue >= mismatchLevel) return { rule, subject, state: test.pValue < nearAt ? 'near' : 'clean' };
  const shares = [...evidence.weights].map(([version, weight]) => {
    const share = (evidence.units.get(version) ?? 0) / total;
    return `${version} got ${share.toFixed(3)} of ${Number(weight.toFixed(4))}`;
  });
  return {
    rule,
    subject,
    state: 'firing',
    severity: 'warning',
    summary: `${total} calls or entities were not shared out by the weights (χ² p = ${test.pValue.toExponential(1)}): ${shares.slice(0, 5).join(', ')}${shares.length > 5 ? ', …' : ''}.`,
    facts: {
      units: Object.fromEntries(evidence.units),
      weights: Object.fromEntries(evidence.weights),
      statistic: test.statistic,
      p_value: test.pValue,
    },
  };
}
