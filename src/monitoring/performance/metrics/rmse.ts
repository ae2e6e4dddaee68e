import { rootOf } from '../../../statistics/unit_estimate.ts';
import { found, meanBy } from '../arm_estimate.ts';
import { noMetric } from '../metric.ts';
import { bootstrapped } from '../squared_errors.ts';
import type { NumberMetric } from './metric_definition.ts';

/** Root of the mean squared error, in the target's units; scikit-learn's `root_mean_squared_error`. */
export const rmse = {
  name: 'rmse',
  task: 'regression',
  better: 'lower',
  uses: ['drops', 'charts'],
  measure: ({ squared: { count, residual, resampled } }) =>
    count === 0 ? noMetric('There are no rows.') : bootstrapped(Math.sqrt(residual / count), resampled?.rmse),
  comparison: {
    estimate: ({ errors, units }) => {
      const mean = meanBy(
        units,
        errors.map((error) => error * error),
      );
      return found(mean && rootOf(mean));
    },
    namesWinner: true,
  },
} as const satisfies NumberMetric;
