import type { BucketValue } from '../charts/index.ts';
import type { Metric, PerformanceEstimator } from '../performance/index.ts';
import { meanMetric, shareMetric } from '../performance/index.ts';
import { estimateRows } from './estimate_rows.ts';
import { type AnsweredRows, pickAnswered } from './measure_rows.ts';

const minute = 60_000;
const hour = 60 * minute;
const day = 24 * hour;
const lengths = [
  minute,
  5 * minute,
  15 * minute,
  hour,
  3 * hour,
  6 * hour,
  12 * hour,
  day,
  7 * day,
  30 * day,
];
const maxBuckets = 48;

/** A length of buckets in milliseconds that divides the span into 48 at most. */
export function bucketLength(since: number, until: number): number {
  const span = until - since;
  return lengths.find((length) => span / length <= maxBuckets) ?? Math.ceil(span / maxBuckets / day) * day;
}

/** Accuracy, or mean absolute error, of the rows in each bucket of time that has any. */
export function headlineOverTime(rows: AnsweredRows, at: Float64Array, bucketMs: number): BucketValue[] {
  return byBucket(at, bucketMs, (own) => headlineMetric(pickAnswered(rows, own)));
}

/** The estimated accuracy in each bucket of time. */
export function estimateOverTime(
  estimator: PerformanceEstimator,
  rows: AnsweredRows,
  at: Float64Array,
  bucketMs: number,
): BucketValue[] {
  return byBucket(at, bucketMs, (own) => {
    const { value, band } = estimateRows(estimator, pickAnswered(rows, own))?.accuracy ?? {
      value: null,
      band: null,
    };
    return { value, interval: band };
  });
}

function byBucket(
  at: Float64Array,
  bucketMs: number,
  measure: (
    rows: Uint32Array,
  ) => { value: number | null; interval: { low: number; high: number } | null } | undefined,
): BucketValue[] {
  const buckets = new Map<number, number[]>();
  at.forEach((time, row) => {
    const start = Math.floor(time / bucketMs) * bucketMs;
    const rows = buckets.get(start);
    if (rows === undefined) buckets.set(start, [row]);
    else rows.push(row);
  });
  return [...buckets]
    .sort(([a], [b]) => a - b)
    .flatMap(([start, rows]): BucketValue[] => {
      const found = measure(Uint32Array.from(rows));
      if (found === undefined) return [];
      return [{ at: start, value: found.value, low: found.interval?.low, high: found.interval?.high }];
    });
}

function headlineMetric({ compared }: AnsweredRows): Metric | undefined {
  if (compared.kind === 'arrays') return undefined;
  if (compared.kind === 'classes') {
    const { actual, predicted } = compared;
    const known = actual.filter((label, row) => label >= 0 && (predicted[row] ?? -1) >= 0).length;
    const hits = actual.filter((label, row) => label >= 0 && label === predicted[row]).length;
    return shareMetric(hits, known, 'There are no rows.');
  }
  const { actual, predicted } = compared;
  const errors = actual.map((value, row) => Math.abs((predicted[row] ?? Number.NaN) - value));
  return meanMetric(errors.filter(Number.isFinite), { least: 0, most: Number.POSITIVE_INFINITY });
}
