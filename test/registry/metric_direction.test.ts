import { expect, test } from 'vitest';
import { metricDirection } from '../../src/registry/metric_direction.ts';

test.each([
  ['accuracy', 'higher'],
  ['test AUC', 'higher'],
  ['val_f1_macro', 'higher'],
  ['r2', 'higher'],
  ['averagePrecision', 'higher'],
  ['neg_mean_squared_error', 'higher'],
  ['log_loss', 'lower'],
  ['logLoss', 'lower'],
  ['rmse', 'lower'],
  ['validation-MAE', 'lower'],
  ['classification_error', 'lower'],
  ['brier_score', 'lower'],
  ['p95 latency ms', 'lower'],
  ['accuracy_loss', 'lower'],
  ['R²', 'higher'],
  ['explained variance', 'higher'],
  ['precision@10', 'higher'],
  ['testLogLoss', 'lower'],
  ['davies_bouldin_score', 'lower'],
] as const)('%s: %s is better', (name, direction) => {
  expect(metricDirection(name)).toBe(direction);
});

test.each(['rows', 'seed', 'threshold', 'epoch', 'macaroni', 'lossless', ''])(
  '%s: nobody can tell',
  (name) => {
    expect(metricDirection(name)).toBeUndefined();
  },
);
