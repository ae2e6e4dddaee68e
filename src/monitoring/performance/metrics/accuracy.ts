import { shareOfUnits } from '../../../statistics/unit_estimate.ts';
import { found } from '../arm_estimate.ts';
import { sumByUnit } from '../unit_sums.ts';
import type { ClassMetric } from './metric_definition.ts';

/** Share of rows whose predicted label is the actual one. */
export const accuracy = {
  name: 'accuracy',
  task: 'classification',
  better: 'higher',
  uses: ['drops', 'charts', 'segments'],
  measure: ({ scores }) => scores.accuracy,
  comparison: {
    estimate: ({ encoded: { actual, predicted }, units }) => {
      const hits = Float64Array.from(actual, (label, row) => Number(label === predicted[row]));
      const { sums, counts } = sumByUnit(units, hits);
      return found(shareOfUnits(sums, counts));
    },
    namesWinner: true,
  },
} as const satisfies ClassMetric;
