import { labelEstimate } from '../label_estimates.ts';
import type { ClassMetric } from './metric_definition.ts';

/** Hits over predicted rows. */
export const precision = {
  name: 'precision',
  task: 'classification',
  better: 'higher',
  uses: ['drops'],
  measure: ({ headline }) => headline.precision,
  comparison: {
    estimate: (rows) =>
      labelEstimate(rows, {
        name: 'precision',
        hit: 1,
        weight: (_, isPredicted) => Number(isPredicted),
        without: 'predicted',
        counted: (positive) => ({
          rows: `rows predicted as "${positive}"`,
          hits: `right predictions of "${positive}"`,
          misses: 'wrong ones',
        }),
      }),
    namesWinner: true,
  },
} as const satisfies ClassMetric;
