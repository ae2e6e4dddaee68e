import {
  type EstimatedPerformance,
  estimatePerformance,
  type PerformanceEstimator,
} from '../performance/index.ts';
import { type AnsweredRows, labelsOf, probabilityTable } from './measure_rows.ts';

/** Estimates the performance on rows without outcomes; undefined where there are no probabilities. */
export function estimateRows(
  estimator: PerformanceEstimator,
  { rows, compared, probabilities }: AnsweredRows,
): EstimatedPerformance | undefined {
  if (compared.kind !== 'classes' || probabilities.length === 0) return undefined;
  return estimatePerformance(estimator, {
    predicted: labelsOf(compared.classes, compared.predicted),
    probabilities: probabilityTable(probabilities, rows),
  });
}
