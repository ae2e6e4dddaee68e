import { normalQuantile } from '../../statistics/interval.ts';
import { type Drop, type Metric, metricsFor, performanceDrop } from '../performance/index.ts';
import { type Measured, metricsOf } from './measure_rows.ts';

/** The metrics of a version on its reference, and which of them dropped since. */
export interface ReferenceComparison {
  referenceId: string;
  measured: Measured;
  drops: { metric: string; reference: number | null; current: number | null; drop: Drop }[];
}

/**
 * Judges the metrics of current rows against those of the reference. Their intervals are widened to the level at which all of
 * them together hold (Bonferroni), so that of several metrics and windows none drops by chance more often than one would.
 * @param windows windows that are judged together, each by all of the metrics
 */
export function dropsOf(
  reference: Measured,
  current: Measured,
  threshold: number,
  windows = 1,
): ReferenceComparison['drops'] {
  if (reference.task !== current.task) return [];
  const [before, now] = [metricsOf(reference), metricsOf(current)];
  const comparable = metricsFor('drops').flatMap(({ name, better }) => {
    const [old, recent] = [before[name], now[name]];
    if (old === undefined || recent === undefined || better === 'nearer_zero') return [];
    return [{ name, better, old, recent }];
  });
  const family = windows * comparable.filter(({ old, recent }) => isJudged(old) && isJudged(recent)).length;
  return comparable.map(({ name, better, old, recent }) => ({
    metric: name,
    reference: old.value,
    current: recent.value,
    drop: performanceDrop(
      { name, better },
      { metric: widened(old, family), rows: rowsOf(reference), rowsOfClass: rowsOfClass(reference, name) },
      { metric: widened(recent, family), rows: rowsOf(current), rowsOfClass: rowsOfClass(current, name) },
      threshold,
    ),
  }));
}

function isJudged({ value, interval }: Metric): boolean {
  return value !== null && interval !== null;
}

/** The standard normal's quantile at 1 − 0.025/k for k = 1, 2 …, from SciPy's norm.ppf. */
const familyQuantiles = [
  1.959964, 2.241403, 2.39398, 2.497705, 2.575829, 2.638257, 2.69011, 2.734369, 2.772921, 2.807034,
];

/** A 95 % interval widened to the level of one of several that hold together at 95 %. */
function widened(metric: Metric, family: number): Metric {
  const { value, interval } = metric;
  if (value === null || interval === null) return metric;
  const quantile = familyQuantiles[Math.min(family, familyQuantiles.length) - 1] ?? normalQuantile;
  const factor = quantile / normalQuantile;
  return {
    ...metric,
    interval: {
      ...interval,
      low: value - factor * (value - interval.low),
      high: value + factor * (interval.high - value),
    },
  };
}

/**
 * The rows that decide a metric which is about classes: of the positive one, or of the rarest of more; undefined for what
 * all rows decide.
 */
function rowsOfClass(measured: Measured, name: string): number | undefined {
  if (measured.task !== 'classification' || name === 'accuracy') return undefined;
  const { positive_class, per_class, count } = measured.performance;
  const rows = per_class
    .filter(({ label }) => positive_class === null || label === positive_class)
    .map(({ support, predicted }) => {
      if (name === 'precision') return predicted;
      return name === 'roc_auc' ? Math.min(support, count - support) : support;
    });
  return rows.length === 0 ? 0 : Math.min(...rows);
}

/** Rows that the metrics were measured from. */
export function rowsOf(measured: Measured): number {
  return measured.task === 'none' ? 0 : measured.performance.count;
}
