import { influencedByUnits } from '../../../statistics/unit_estimate.ts';
import { type ArmEstimate, found } from '../arm_estimate.ts';
import { noMetric } from '../metric.ts';
import { bootstrapped } from '../squared_errors.ts';
import { sumByUnit } from '../unit_sums.ts';
import type { ComparedNumbers, NumberMetric } from './metric_definition.ts';

/**
 * R² = 1 − Σ(actual − predicted)²/Σ(actual − mean)²; 1 at best, below 0 worse than always predicting the mean.
 * scikit-learn's `r2_score`.
 */
export const r2 = {
  name: 'r2',
  task: 'regression',
  better: 'higher',
  uses: ['charts'],
  measure: ({ squared: { count, residual, total, isConstant, resampled } }) => {
    if (count === 0) return noMetric('There are no rows.');
    if (isConstant) return noMetric('Every actual value is the same: there is nothing to explain.');
    return bootstrapped(1 - residual / total, resampled?.r2);
  },
  comparison: { estimate: estimateByUnits, namesWinner: false, instead: 'mae and rmse' },
} as const satisfies NumberMetric;

/** The influence of a unit follows from the delta method. */
function estimateByUnits({ actual, errors, units }: ComparedNumbers): ArmEstimate {
  const complete = actual.map((value, row) => (Number.isNaN(errors[row]) ? Number.NaN : value));
  const known = complete.filter((value) => !Number.isNaN(value));
  const mean = known.reduce((sum, value) => sum + value, 0) / known.length;
  const spreads = sumByUnit(
    units,
    complete.map((value) => (value - mean) ** 2),
  );
  const { sums: losses, counts } = sumByUnit(
    units,
    errors.map((error) => error * error),
  );
  const [loss, spread] = [losses, spreads.sums].map((sums) => sums.reduce((sum, own) => sum + own, 0));
  if (loss === undefined || spread === undefined || !(spread > 0))
    return { estimate: undefined, reason: 'The actual values do not vary.' };
  const influences = losses.map((own, unit) => -(own - (loss / spread) * (spreads.sums[unit] ?? 0)) / spread);
  return found(influencedByUnits(1 - loss / spread, influences, counts));
}
