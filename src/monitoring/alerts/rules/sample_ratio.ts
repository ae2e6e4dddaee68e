import { chiSquareTail } from '../../drift/chi_square_distribution.ts';
import type { AlertSubject, Verdict } from '../alert.ts';

/** How many independent units (entities, or calls of nobody in particular) went to each version by the weights. */
export interface Assignments {
  units: ReadonlyMap<string, number>;
  /** The configured weights, above 0; they sum to 1. */
  weights: ReadonlyMap<string, number>;
}

const leastUnits = 100;
/** Below it χ² is not to be trusted. */
const leastExpected = 5;
const alarmAt = 0.001;
const nearAt = 0.01;

/**
 * Fires when the versions of a route do not get their shares: Pearson's χ² of the observed against the configured
 * weights, p < 0.001 (scipy.stats.chisquare). A route that does not do what it was told spoils every A/B verdict.
 */
export function judgeSampleRatio(modelId: string, evidence: Assignments | undefined): Verdict {
  const subject: AlertSubject = { cause: 'routing', modelId, version: null };
  const rule = 'sample_ratio';
  const test = evidence && sampleRatioTest(evidence);
  if (evidence === undefined || test === undefined) return { rule, subject, state: 'unknown' };
  if (test.pValue >= alarmAt) return { rule, subject, state: test.pValue < nearAt ? 'near' : 'clean' };
  const shares = [...evidence.weights].map(([version, weight]) => {
    const share = (evidence.units.get(version) ?? 0) / test.total;
    return `${version} got ${share.toFixed(3)} of ${Number(weight.toFixed(4))}`;
  });
  return {
    rule,
    subject,
    state: 'firing',
    severity: 'warning',
    summary: `${test.total} calls or entities were not shared out by the weights (χ² p = ${test.pValue.toExponential(1)}): ${shares.slice(0, 5).join(', ')}${shares.length > 5 ? ', …' : ''}.`,
    facts: {
      units: Object.fromEntries(evidence.units),
      weights: Object.fromEntries(evidence.weights),
      statistic: test.statistic,
      p_value: test.pValue,
    },
  };
}

/** @returns undefined when there are too few units for a verdict. */
export function sampleRatioTest({
  units,
  weights,
}: Assignments): { statistic: number; pValue: number; total: number } | undefined {
  const observed = [...weights].map(([version, weight]) => ({ count: units.get(version) ?? 0, weight }));
  const total = observed.reduce((sum, { count }) => sum + count, 0);
  if (observed.length < 2 || total < leastUnits) return undefined;
  if (observed.some(({ weight }) => weight * total < leastExpected)) return undefined;
  const statistic = observed.reduce(
    (sum, { count, weight }) => sum + (count - weight * total) ** 2 / (weight * total),
    0,
  );
  return { statistic, pValue: chiSquareTail(statistic, observed.length - 1), total };
}
