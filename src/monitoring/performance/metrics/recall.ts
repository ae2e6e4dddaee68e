import { labelEstimate } from '../label_estimates.ts';
import type { ClassMetric } from './metric_definition.ts';

/** Hits over actual rows. */
export const recall = {
  name: 'recall',
  task: 'classification',
  better: 'higher',
  uses: ['drops'],
  measure: ({ headline }) => headline.recall,
  comparison: {
    estimate: (rows) =>
      labelEstimate(rows, {
        name: 'recall',
        hit: 1,
        weight: (isActual) => Number(isActual),
        without: 'actual',
        counted: (positive) => ({
          rows: `rows of class "${positive}"`,
          hits: `rows of class "${positive}" that were found`,
          misses: 'some that were missed',
        }),
      }),
    namesWinner: true,
  },
} as const satisfies ClassMetric;
