import {
  type ChartSpec,
  categoricalHistogram,
  driftOverTimeChart,
  driftReportChart,
  type Histogram,
  maxFeatures,
  numericHistogram,
  type ReportedFeature,
  type Subject,
} from '../charts/index.ts';
import type { FeatureProfile } from '../reference/profile.ts';
import { type ComparedColumn, countValues } from '../rows/compared_column.ts';
import type { DriftOverTime } from './compare_over_time.ts';
import { driftMethods, isTest } from './methods/index.ts';
import { type Limits, rankOverThreshold } from './over_threshold.ts';
import type { DriftOptions, DriftResult } from './result.ts';
import type { DriftSummary } from './summary.ts';
import { defaultMinEffect } from './verdict.ts';

/** The picture of a report: the worst features and their values then and now, which are counted here. */
export function reportChart(
  subject: Subject,
  results: readonly DriftResult[],
  summary: DriftSummary,
  reference: readonly FeatureProfile[],
  current: readonly ComparedColumn[],
  { minEffect, missingThreshold }: DriftOptions,
): ChartSpec {
  const profiles = new Map(reference.map((profile) => [profile.name, profile]));
  const columns = new Map(current.map((column) => [column.name, column]));
  const histograms = new Map<string, Histogram>();
  const features = reportedFeatures(results, { minEffect, missingThreshold });
  for (const { feature } of features.slice(0, maxFeatures)) {
    const histogram = histogramOf(profiles.get(feature), columns.get(feature));
    if (histogram !== undefined) histograms.set(feature, histogram);
  }
  const most = (rows: (result: DriftResult) => number) => Math.max(0, ...results.map(rows));
  return driftReportChart({
    ...subject,
    reference_n: most(({ reference_n }) => reference_n),
    current_n: most(({ current_n }) => current_n),
    is_drift: summary.is_drift,
    features,
    histograms,
  });
}

/** The results as a picture shows them, the worst first. */
export function reportedFeatures(results: readonly DriftResult[], limits?: Limits): ReportedFeature[] {
  return rankOverThreshold(results, limits).map(({ result, ratio }) => {
    const { scoreLabel, effectLabel } = driftMethods[result.method];
    return { ...result, ratio, scoreLabel, effectLabel };
  });
}

function histogramOf(
  profile: FeatureProfile | undefined,
  column: ComparedColumn | undefined,
): Histogram | undefined {
  if (profile?.kind === 'numeric' && column?.kind === 'numeric')
    return numericHistogram(profile.sorted, column.values);
  if (profile === undefined || column === undefined) return undefined;
  if (profile.kind === 'numeric' || column.kind === 'numeric') return undefined;
  return categoricalHistogram(profile.counts, countValues(column.values));
}

const effectLabels = Object.values(driftMethods).flatMap(({ effectLabel }) => effectLabel ?? []);

/** The picture of drift over time: the effect of tests, the score of distances, bucket by bucket. */
export function overTimeChart(
  subject: Subject,
  { groups }: DriftOverTime,
  { method, minEffect }: Pick<DriftOptions, 'method' | 'minEffect'>,
): ChartSpec {
  const unit = minEffect === undefined || minEffect === 0 ? defaultMinEffect : minEffect;
  const results = groups.flatMap((group) => group.results.map((result) => ({ at: group.since, result })));
  const features = byFeature(results);
  const [first] = groups;
  return driftOverTimeChart({
    ...subject,
    measure: isTest(method) ? `effect (${effectLabels.join(', ')})` : method,
    bucket_ms: first === undefined ? 0 : Math.max(1, first.until - first.since),
    features: [...features].map(([feature, buckets]) => ({
      feature,
      threshold: buckets.reduce<number>(
        (level, { result }) => (result.effect === null ? (result.threshold ?? level) : level),
        unit,
      ),
      buckets: groups.map(({ since }) => {
        const found = buckets.find(({ at }) => at === since)?.result;
        return {
          at: since,
          score: found?.effect ?? found?.score ?? null,
          is_drift: found?.is_drift ?? false,
        };
      }),
    })),
  });
}

type Bucketed = { at: number; result: DriftResult };

function byFeature(results: readonly Bucketed[]): Map<string, Bucketed[]> {
  const features = new Map<string, Bucketed[]>();
  for (const one of results) {
    const known = features.get(one.result.feature);
    if (known === undefined) features.set(one.result.feature, [one]);
    else known.push(one);
  }
  return features;
}
