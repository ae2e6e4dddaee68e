import {
  type EstimatedPerformance,
  estimatePerformance,
  type PerformanceEstimator,
} from '../performance/index.ts';
import { type AnsweredRows, labelsOf, probabilityTable } from './measure_rows.ts';

/** Estimates how well rows without outcomes were answered; undefined where the answers have no probabilities. */
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
