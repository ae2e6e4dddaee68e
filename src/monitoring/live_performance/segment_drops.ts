import { adjustPValues } from '../../statistics/correction.ts';
import { fisherLess } from '../../statistics/fisher_exact.ts';
import { type Sample, welchGreater } from '../../statistics/welch_test.ts';
import { type ClassificationPerformance, minRows, minRowsOfClass } from '../performance/index.ts';
import type { AnsweredRows, Measured } from './measure_rows.ts';

/** One side of a segment: its rows, and what was measured of them. */
export interface SegmentSide {
  rows: AnsweredRows;
  measured: Measured;
}

/** A metric of a segment against the same segment of the reference. */
export interface SegmentDrop {
  metric: string;
  reference: number;
  current: number;
  /** How much worse, as a share of the reference's value; below 0 is better. */
  by: number;
  /** One-sided, that it got worse. */
  p_value: number;
  /** For all metrics of all segments that are judged together (Bonferroni). */
  p_adjusted: number;
  /** Worse by the threshold or more, and more than sampling explains. */
  dropped: boolean;
}

const level = 0.05;

type Judged = Omit<SegmentDrop, 'p_adjusted' | 'dropped'>;

/**
 * Judges segments of enough rows on both sides (`minRows`, `minRowsOfClass`) against those of a reference: of classes the accuracy, and of two classes the recall and precision of
 * the positive one, by Fisher's exact test; of numbers the mean absolute error by Welch's test. The p-values of all
 * segments are adjusted together, since of many segments some would look worse by chance; by Bonferroni, so that beside
 * a segment that dropped no other is named more often than in 5 % of windows.
 *
 * @param pairs reference undefined: it has no such rows
 * @param threshold what is a drop, as a share of the reference's value
 * @returns for each segment what was judged
 */
export function segmentDrops(
  pairs: readonly { current: SegmentSide; reference: SegmentSide | undefined }[],
  threshold: number,
): SegmentDrop[][] {
  const judged = pairs.map(({ current, reference }) =>
    reference === undefined ? [] : judgeSegment(reference, current),
  );
  const adjusted = adjustPValues(
    judged.flat().map(({ p_value }) => p_value),
    'bonferroni',
  );
  let next = 0;
  return judged.map((metrics) =>
    metrics.map((one) => {
      const p_adjusted = adjusted[next++] ?? 1;
      return { ...one, p_adjusted, dropped: one.by >= threshold && p_adjusted < level };
    }),
  );
}

function judgeSegment(reference: SegmentSide, current: SegmentSide): Judged[] {
  if (reference.measured.task === 'classification' && current.measured.task === 'classification')
    return judgeShares(reference.measured.performance, current.measured.performance);
  const [before, now] = [reference, current].map(({ rows }) => absoluteErrors(rows));
  return before === undefined || now === undefined ? [] : judgeErrors(before, now);
}

function judgeShares(reference: ClassificationPerformance, current: ClassificationPerformance): Judged[] {
  if (Math.min(reference.count, current.count) < minRows) return [];
  const [before, now] = [reference, current].map(sharesOf);
  return [...(before ?? [])].flatMap(([metric, old]): Judged[] => {
    const recent = now?.get(metric);
    if (recent === undefined || Math.min(old.trials, recent.trials) < minRowsOfClass || old.hits === 0)
      return [];
    const [was, is] = [old.hits / old.trials, recent.hits / recent.trials];
    const p_value = fisherLess(recent.hits, recent.trials, old.hits, old.trials);
    return [{ metric, reference: was, current: is, by: (was - is) / was, p_value }];
  });
}

/** Metrics that are shares of rows, by name. */
function sharesOf(performance: ClassificationPerformance): Map<string, { hits: number; trials: number }> {
  const shares = new Map<string, { hits: number; trials: number }>();
  const add = (metric: string, value: number | null, trials: number) =>
    value === null ? undefined : shares.set(metric, { hits: Math.round(value * trials), trials });
  add('accuracy', performance.metrics.accuracy?.value ?? null, performance.count);
  const { positive_class, per_class } = performance;
  const positive = per_class.find(({ label }) => label === positive_class);
  if (positive === undefined) return shares;
  add('recall', positive.recall.value, positive.support);
  add('precision', positive.precision.value, positive.predicted);
  return shares;
}

function judgeErrors(before: Sample, now: Sample): Judged[] {
  if (Math.min(before.count, now.count) < minRows || !(before.mean > 0)) return [];
  const by = (now.mean - before.mean) / before.mean;
  return [
    { metric: 'mae', reference: before.mean, current: now.mean, by, p_value: welchGreater(now, before) },
  ];
}

function absoluteErrors({ compared }: AnsweredRows): Sample | undefined {
  if (compared.kind !== 'numbers') return undefined;
  const { predicted, actual } = compared;
  let [count, mean, squares] = [0, 0, 0];
  for (let row = 0; row < actual.length; row++) {
    const error = Math.abs((predicted[row] ?? Number.NaN) - (actual[row] ?? Number.NaN));
    if (!Number.isFinite(error)) continue;
    count++;
    // Welford (1962): nothing large cancels.
    const apart = error - mean;
    mean += apart / count;
    squares += apart * (error - mean);
  }
  return { mean, variance: count > 1 ? squares / (count - 1) : 0, count };
}

/** What dropped, in a sentence each: `segment region=EU: accuracy 0.71 against 0.9 in the reference, p_adjusted 0.003`. */
export function describeDrops(feature: string, name: string, drops: readonly SegmentDrop[]): string[] {
  const segment = /^[≤>]/.test(name) ? `${feature} ${name}` : `${feature}=${name}`;
  return drops
    .filter(({ dropped }) => dropped)
    .map(
      ({ metric, current, reference, p_adjusted }) =>
        `segment ${segment}: ${metric} ${short(current)} against ${short(reference)} in the reference, p_adjusted ${p_adjusted.toPrecision(1)}`,
    );
}

function short(value: number): string {
  return String(Number(value.toPrecision(3)));
}
