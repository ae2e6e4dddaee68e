import { found, meanBy } from '../arm_estimate.ts';
import { estimateOfProbabilities, measureProbabilities } from '../class_probabilities.ts';
import { meanMetric } from '../mean_metric.ts';
import type { ScoredRows } from '../rows.ts';
import type { ClassMetric } from './metric_definition.ts';

/** Probabilities nearer than this to 0 and 1 are taken as this near, so that one row cannot make the loss infinite. */
const clip = 1e-15;

/**
 * Mean of −ln P(actual class), in nats; scikit-learn's `log_loss` after clipping at 1e-15. A class that the model
 * gives no probability for has probability 0.
 */
export const logLoss = {
  name: 'log_loss',
  task: 'classification',
  better: 'lower',
  uses: [],
  measure: (rows) =>
    measureProbabilities(rows, (scored) =>
      meanMetric(lossesOf(scored), { least: 0, most: Number.POSITIVE_INFINITY }),
    ),
  comparison: {
    estimate: (rows) =>
      estimateOfProbabilities(rows, 'log_loss', (scored, units) => found(meanBy(units, lossesOf(scored)))),
    namesWinner: true,
  },
} as const satisfies ClassMetric;

function lossesOf({ classes, values, actual }: ScoredRows): Float64Array {
  return Float64Array.from(actual, (label, row) => {
    const probability = label < 0 ? 0 : (values[row * classes.length + label] ?? 0);
    return -Math.log(Math.min(1 - clip, Math.max(clip, probability)));
  });
}
