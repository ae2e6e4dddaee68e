import { found, meanBy } from '../arm_estimate.ts';
import { meanMetric } from '../mean_metric.ts';
import type { NumberMetric } from './metric_definition.ts';

/** Mean absolute error, in the target's units. */
export const mae = {
  name: 'mae',
  task: 'regression',
  better: 'lower',
  uses: ['drops', 'charts', 'segments'],
  measure: ({ absoluteErrors }) => meanMetric(absoluteErrors, { least: 0, most: Number.POSITIVE_INFINITY }),
  comparison: {
    estimate: ({ errors, units }) => found(meanBy(units, errors.map(Math.abs))),
    namesWinner: true,
  },
} as const satisfies NumberMetric;
