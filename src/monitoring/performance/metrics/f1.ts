import { labelEstimate } from '../label_estimates.ts';
import type { ClassMetric } from './metric_definition.ts';

/** 2·hits/(actual rows + predicted rows), the harmonic mean of precision and recall. */
export const f1 = {
  name: 'f1',
  task: 'classification',
  better: 'higher',
  uses: ['drops', 'charts', 'segments'],
  measure: ({ headline }) => headline.f1,
  comparison: {
    estimate: (rows) =>
      labelEstimate(rows, {
        name: 'f1',
        hit: 2,
        weight: (isActual, isPredicted) => Number(isActual) + Number(isPredicted),
        without: 'actual or predicted',
        counted: (positive) => ({
          rows: `actual and predicted "${positive}"`,
          hits: 'right answers',
          misses: 'wrong ones',
        }),
      }),
    namesWinner: true,
  },
} as const satisfies ClassMetric;
