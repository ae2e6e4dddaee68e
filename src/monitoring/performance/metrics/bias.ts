import { meanMetric } from '../mean_metric.ts';
import type { NumberMetric } from './metric_definition.ts';

/** Mean of predicted − actual, in the target's units; above 0 the model predicts too much. */
export const bias = {
  name: 'bias',
  task: 'regression',
  better: 'nearer_zero',
  uses: ['segments'],
  measure: ({ errors }) =>
    meanMetric(errors, { least: Number.NEGATIVE_INFINITY, most: Number.POSITIVE_INFINITY }),
} as const satisfies NumberMetric;
