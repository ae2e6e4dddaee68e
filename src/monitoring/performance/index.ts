export {
  type Comparison,
  type ComparisonOptions,
  compareArms,
} from './ab_verdict.ts';
export type { ArmEstimate } from './arm_estimate.ts';
export { measureCalibration } from './calibration.ts';
export { type ClassCount, countClasses } from './class_counts.ts';
export {
  type ClassificationPerformance,
  classificationPerformance,
} from './classification.ts';
export { comparedClasses, comparedNumbers } from './compared_rows.ts';
export { type Drop, type Measurement, minRows, minRowsOfClass, performanceDrop } from './drop.ts';
export {
  type Estimate,
  type EstimatedPerformance,
  estimatePerformance,
} from './estimate.ts';
export { fitEstimator } from './estimator.ts';
export { meanMetric } from './mean_metric.ts';
export type { Metric } from './metric.ts';
export {
  type ComparableMetricName,
  comparableMetric,
  comparableMetricNames,
  comparableMetricsOf,
  type Headline,
  headlines,
  isHigherBetter,
  metricsFor,
} from './metrics/index.ts';
export type { PerformanceEstimator } from './performance_estimator.ts';
export { type RegressionPerformance, type RegressionRows, regressionPerformance } from './regression.ts';
export type { ClassificationRows, ClassProbabilities } from './rows.ts';
export { shareMetric } from './share_metric.ts';
export { taskOfModel } from './task.ts';
