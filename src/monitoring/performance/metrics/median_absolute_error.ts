import { confidenceLevel, type Interval } from '../../../statistics/interval.ts';
import { logChoose } from '../../../statistics/stirling.ts';
import { type Metric, metric, noMetric } from '../metric.ts';
import type { NumberMetric } from './metric_definition.ts';

/** Median of |predicted − actual|, in the target's units; scikit-learn's `median_absolute_error`. */
export const medianAbsoluteError = {
  name: 'median_absolute_error',
  task: 'regression',
  better: 'lower',
  uses: [],
  measure: ({ absoluteErrors }) => medianMetric(absoluteErrors),
} as const satisfies NumberMetric;

/**
 * The median with the distribution-free interval between two order statistics (Conover 1999, 3.2);
 * scipy.stats.quantile_test(p=0.5).confidence_interval().
 *
 * @param values finite
 */
function medianMetric(values: Float64Array): Metric {
  const count = values.length;
  if (count === 0) return noMetric('There are no rows.');
  const sorted = values.slice().sort();
  const at = (position: number) => sorted[position] ?? 0;
  const half = count >> 1;
  const median = count % 2 === 1 ? at(half) : at(half - 1) / 2 + at(half) / 2;
  const rank = lowerRank(count);
  if (rank === 0) return metric(median, null, 'Fewer than 6 rows give no interval.');
  const interval: Interval = { low: at(rank - 1), high: at(count - rank), method: 'order_statistics' };
  return metric(median, interval);
}

/** The smallest k with P(X ≤ k) ≥ (1 − {@link confidenceLevel})/2 for X binomial with `count` trials of share ½. */
function lowerRank(count: number): number {
  const tail = (1 - confidenceLevel) / 2;
  // Twenty standard deviations below the middle there is nothing left to add.
  let k = Math.max(0, Math.floor(count / 2 - 10 * Math.sqrt(count)));
  let density = Math.exp(logChoose(count, k) - count * Math.LN2);
  let sum = density;
  while (sum < tail) {
    density *= (count - k) / (k + 1);
    k++;
    sum += density;
  }
  return k;
}
