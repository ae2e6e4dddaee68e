import { found, meanBy } from '../arm_estimate.ts';
import { estimateOfProbabilities, measureProbabilities, positiveScores } from '../class_probabilities.ts';
import { meanMetric } from '../mean_metric.ts';
import type { Metric } from '../metric.ts';
import type { ScoredRows } from '../rows.ts';
import type { Task } from '../task.ts';
import type { ClassMetric } from './metric_definition.ts';

/** By how much rounding may lift a sum of squares over its bound. */
const rounding = 1e-9;

/**
 * Brier score, scikit-learn's `brier_score_loss`. Of a binary task the mean of (P(positive) − actual)², 0 … 1; of
 * more classes Brier's own sum over the classes, 0 … 2.
 */
export const brier = {
  name: 'brier',
  task: 'classification',
  better: 'lower',
  uses: ['charts'],
  measure: (rows) => measureProbabilities(rows, (scored) => meanLoss(scored, rows.task)),
  comparison: {
    estimate: (rows) =>
      estimateOfProbabilities(rows, 'brier', (scored, units) =>
        found(meanBy(units, lossesOf(scored, rows.task))),
      ),
    namesWinner: true,
  },
} as const satisfies ClassMetric;

function meanLoss(rows: ScoredRows, task: Task): Metric {
  const losses = lossesOf(rows, task);
  if (task.kind === 'binary') return meanMetric(losses, { least: 0, most: 1 });
  // Probabilities that do not sum to 1 can exceed 2.
  const areShares = losses.every((loss) => loss <= 2 + rounding);
  return meanMetric(losses, { least: 0, most: areShares ? 2 : Math.max(2, rows.classes.length) });
}

function lossesOf(rows: ScoredRows, task: Task): Float64Array {
  if (task.kind === 'binary') {
    const { probability, actual } = positiveScores(rows, task.positive);
    return probability.map((share, row) => (share - (actual[row] ?? 0)) ** 2);
  }
  const width = rows.classes.length;
  return Float64Array.from(rows.actual, (label, row) => {
    // A class without a probability is predicted with probability 0.
    let loss = label < 0 ? 1 : 0;
    for (let index = 0; index < width; index++) {
      const probability = rows.values[row * width + index] ?? 0;
      loss += (probability - (index === label ? 1 : 0)) ** 2;
    }
    return loss;
  });
}
