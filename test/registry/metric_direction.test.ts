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
  ['test_neg_mean_squared_error', 'higher'],
  ['neg_negative_likelihood_ratio', 'higher'],
  ['negative_log_likelihood', 'lower'],
  ['neg_log_likelihood', 'lower'],
  ['log_likelihood', 'higher'],
  ['nll', 'lower'],
  ['brier_skill_score', 'higher'],
  ['d2_absolute_error_score', 'higher'],
  ['F1Score', 'higher'],
  ['ROCAUC', 'higher'],
  ['mAP50-95', 'higher'],
  ['R^2', 'higher'],
  ['r_squared', 'higher'],
  ['NRMSE', 'lower'],
  ['true_negative_rate', 'higher'],
  ['negative_predictive_value', 'higher'],
  ['false_negative_rate', 'lower'],
  ['hamming', 'lower'],
  ['real_time_accuracy', 'higher'],
  ['explained_variance', 'higher'],
  ['rows per second', 'higher'],
] as const)('%s: %s is better', (name, direction) => {
  expect(metricDirection(name)).toBe(direction);
});

test.each([
  ...['rows', 'seed', 'threshold', 'epoch', 'macaroni', 'lossless', '', 'bias', '__proto__'],
  // Not the metric, but how it spreads, differs or was come by.
  ...['cv_accuracy_std', 'auc_gap', 'best_f1_threshold', 'loss variance', 'best_loss_epoch'],
])('%s: nobody can tell', (name) => {
  expect(metricDirection(name)).toBeUndefined();
});
