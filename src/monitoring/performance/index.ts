export {
  type ArmTotals,
  type Comparison,
  type ComparisonOptions,
  compareArms,
  type Verdict,
} from './ab_verdict.ts';
export {
  type Calibration,
  measureCalibration,
  type Reliability,
  type ReliabilityBin,
} from './calibration.ts';
export type { AveragedScores, ClassScores } from './class_scores.ts';
export {
  type ClassificationOptions,
  type ClassificationPerformance,
  classificationPerformance,
} from './classification.ts';
export type { ConfusionMatrix } from './confusion.ts';
export { type Drop, type JudgedMetric, type Measurement, performanceDrop } from './drop.ts';
export {
  type Estimate,
  type EstimatedPerformance,
  estimatePerformance,
  type PredictedRows,
} from './estimate.ts';
export { fitEstimator, type PerformanceEstimator } from './estimator.ts';
export type { Interval, IntervalMethod, Metric } from './metric.ts';
export { type RegressionPerformance, type RegressionRows, regressionPerformance } from './regression.ts';
export type { ClassificationRows, ClassProbabilities } from './rows.ts';
export { type SampleRatio, sampleRatio } from './sample_ratio.ts';
export { type Task, type TaskOptions, taskOfModel } from './task.ts';
