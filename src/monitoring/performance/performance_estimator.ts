import type { IsotonicCurve } from '../../statistics/isotonic.ts';

/**
 * What estimates need to know of the reference. Plain values, so that it can be stored.
 */
export interface PerformanceEstimator {
  /** Of two classes the positive one, to which f1 belongs; null for more. */
  positive_class: string | null;
  /** The classes with probabilities. */
  classes: string[];
  /** One a class, null where its probabilities are taken as they are; of two classes only the positive one's is used. */
  calibrators: (IsotonicCurve | null)[];
  reference_rows: number;
  /** Standard deviation of one row's part in each metric; null where the reference shows none. */
  deviations: { accuracy: number | null; f1: number | null; roc_auc: number | null };
  /** Where estimates of the reference itself are off; empty where none is. */
  own_errors: OwnError[];
}

/** Where an estimate of the reference itself is not what the reference's outcomes say. */
export interface OwnError {
  metric: 'accuracy' | 'f1';
  estimated: number;
  actual: number;
}
