import { shownNumber } from './text.ts';
import { type ChartSpec, chart, type Subject, titleOf } from './theme.ts';
import type { BucketValue, TimeLine } from './time_lines.ts';
import { maxLines, timeViews } from './time_view.ts';

export interface PerformanceOverTime extends Subject {
  /** What is measured: `accuracy`, `RMSE`. */
  metric: string;
  /** Whether more of it is better. */
  higher_is_better: boolean;
  /** Length of a bucket. `at` is where one begins, in milliseconds since 1970. */
  bucket_ms: number;
  /** Such as `realised`, `estimated`; at most six are drawn. `filled` marks a bucket that raised an alarm. */
  lines: readonly TimeLine[];
  /** What the model once reached. */
  baseline?: number | undefined;
}

/** A metric over time with its confidence intervals. A value of null, or a bucket left out, is a gap. */
export function performanceOverTimeChart({ baseline, ...report }: PerformanceOverTime): ChartSpec {
  const lines = report.lines.slice(0, maxLines);
  const hasAlarm = lines.some(({ values }) => values.some(({ filled }) => filled === true));
  const facts = [
    report.higher_is_better ? 'more is better' : 'less is better',
    'bars and bands: confidence interval',
    ...(hasAlarm ? ['filled marks: alarm'] : []),
    'shaded or broken: not enough data',
  ];
  return chart(
    titleOf(`${report.metric} over time`, report),
    facts,
    timeViews({
      bucket_ms: report.bucket_ms,
      lines,
      levels: baseline === undefined ? [] : [{ value: baseline, text: `baseline ${shownNumber(baseline)}` }],
      title: report.metric,
      domain: domainOf([
        ...lines.flatMap(({ values }) => values.flatMap(extentOf)),
        ...(baseline === undefined ? [] : [baseline]),
      ]),
    }),
  );
}

function extentOf({ value, low, high }: BucketValue): number[] {
  return [value, low, high].filter((number) => number !== null && number !== undefined);
}

/** Somewhat more than the numbers cover, and never nothing. */
function domainOf(numbers: readonly number[]): [number, number] {
  const low = numbers.reduce((least, number) => Math.min(least, number), Number.POSITIVE_INFINITY);
  const high = numbers.reduce((most, number) => Math.max(most, number), Number.NEGATIVE_INFINITY);
  if (low > high) return [0, 1];
  const room = low === high ? Math.abs(low) * 0.1 || 1 : (high - low) * 0.08;
  return [low - room, high + room];
}
