import { shownNumber } from './text.ts';
import { type ChartSpec, chart, type Subject, titleOf } from './theme.ts';
import type { BucketValue } from './time_lines.ts';
import { maxLines, timeViews } from './time_view.ts';

/** One feature's drift, bucket by bucket. */
interface FeatureScores {
  feature: string;
  /** The score from which the feature has drifted. */
  threshold: number;
  buckets: readonly { at: number; score: number | null; is_drift: boolean }[];
}

export interface DriftOverTime extends Subject {
  /** What the scores are: `PSI`, `KS distance`. */
  measure: string;
  /** Length of a bucket. `at` is where one begins, in milliseconds since 1970. */
  bucket_ms: number;
  features: readonly FeatureScores[];
}

/**
 * Scores over time of the features that were furthest over their threshold in any bucket. Scores with different
 * thresholds are shown as multiples of them. A score of null, or a bucket left out, is a gap.
 */
export function driftOverTimeChart(report: DriftOverTime): ChartSpec {
  const worst = [...report.features]
    .map((feature) => ({ ...feature, peak: highest(feature) / feature.threshold }))
    .sort((one, other) => other.peak - one.peak || (one.feature < other.feature ? -1 : 1))
    .slice(0, maxLines);
  const [first] = worst;
  const isShared = worst.every(({ threshold }) => threshold === first?.threshold);
  const level = isShared ? (first?.threshold ?? 1) : 1;
  const lines = worst.map(({ feature, threshold, buckets }) => ({
    name: feature,
    values: buckets.map(({ at, score, is_drift }): BucketValue => {
      return { at, value: score === null ? null : isShared ? score : score / threshold, filled: is_drift };
    }),
  }));
  const top = Math.max(level, ...worst.map(({ peak, threshold }) => (isShared ? peak * threshold : peak)));
  const hidden = report.features.length - worst.length;
  const drifted = report.features.filter(({ buckets }) => buckets.some(({ is_drift }) => is_drift)).length;
  const features = `${report.features.length} feature${report.features.length === 1 ? '' : 's'}`;
  const judged = report.features.some(({ buckets }) => buckets.some(({ score }) => score !== null));
  const verdict =
    drifted > 0 ? `▲ DRIFT at some time in ${drifted} of ${features}` : `○ NO DRIFT in ${features}`;
  const facts = [
    judged ? verdict : '× NO VERDICT: no bucket has enough data',
    'filled marks: drift, hollow: none',
    'shaded or broken: not enough data',
    ...(hidden > 0 ? [`the worst ${worst.length} are shown`] : []),
  ];
  return chart(
    titleOf('Drift over time', report),
    facts,
    timeViews({
      bucket_ms: report.bucket_ms,
      lines,
      levels: [{ value: level, text: `threshold ${shownNumber(level)}${isShared ? '' : ' ×'}` }],
      title: isShared ? report.measure : `${report.measure}, as multiple of the threshold`,
      domain: [0, 1.12 * top],
    }),
  );
}

function highest({ buckets }: FeatureScores): number {
  return buckets.reduce((most, { score }) => Math.max(most, score ?? 0), 0);
}
