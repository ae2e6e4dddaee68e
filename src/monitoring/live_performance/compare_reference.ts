import { type Drop, type JudgedMetric, performanceDrop } from '../performance/index.ts';
import { type Measured, metricsOf } from './measure_rows.ts';

/** How well the version did on its reference, and what got worse since. */
export interface ReferenceComparison {
  referenceId: string;
  measured: Measured;
  drops: { metric: JudgedMetric; drop: Drop }[];
}

/** A few metrics that say different things; of more, some would drop by chance. */
const judged: Record<Measured['task'], JudgedMetric[]> = {
  classification: ['accuracy', 'f1', 'roc_auc'],
  regression: ['mae', 'rmse'],
  none: [],
};

/** Judges the metrics of current rows against those of the reference. */
export function dropsOf(
  reference: Measured,
  current: Measured,
  threshold: number,
): ReferenceComparison['drops'] {
  if (reference.task !== current.task) return [];
  const [before, now] = [metricsOf(reference), metricsOf(current)];
  return judged[current.task].flatMap((metric) => {
    const [old, recent] = [before[metric], now[metric]];
    if (old === undefined || recent === undefined) return [];
    const drop = performanceDrop(
      metric,
      { metric: old, rows: rowsOf(reference) },
      { metric: recent, rows: rowsOf(current) },
      threshold,
    );
    return [{ metric, drop }];
  });
}

/** Rows that the metrics rest on. */
export function rowsOf(measured: Measured): number {
  return measured.task === 'none' ? 0 : measured.performance.count;
}
