import {
  type ChartSpec,
  categoricalHistogram,
  driftOverTimeChart,
  driftReportChart,
  type Histogram,
  numericHistogram,
  type Subject,
  shownFeatures,
} from './charts/index.ts';
import type {
  Column,
  DriftOptions,
  DriftOverTime,
  DriftResult,
  DriftSummary,
  FeatureProfile,
} from './drift/index.ts';
import { countValues } from './drift/profile.ts';
import { DEFAULT_MIN_EFFECT } from './drift/verdict.ts';

/** The picture of a report: the worst features and their values then and now, which are counted here. */
export function reportChart(
  subject: Subject,
  results: readonly DriftResult[],
  summary: DriftSummary,
  reference: readonly FeatureProfile[],
  current: readonly Column[],
  { minEffect }: Pick<DriftOptions, 'minEffect'>,
): ChartSpec {
  const profiles = new Map(reference.map((profile) => [profile.name, profile]));
  const columns = new Map(current.map((column) => [column.name, column]));
  const histograms = new Map<string, Histogram>();
  for (const { result } of shownFeatures(results, minEffect)) {
    const histogram = histogramOf(profiles.get(result.feature), columns.get(result.feature));
    if (histogram !== undefined) histograms.set(result.feature, histogram);
  }
  const most = (rows: (result: DriftResult) => number) => Math.max(0, ...results.map(rows));
  return driftReportChart({
    ...subject,
    reference_n: most(({ reference_n }) => reference_n),
    current_n: most(({ current_n }) => current_n),
    is_drift: summary.is_drift,
    min_effect: minEffect,
    results,
    histograms,
  });
}

function histogramOf(profile: FeatureProfile | undefined, column: Column | undefined): Histogram | undefined {
  if (profile?.kind === 'numeric' && column?.kind === 'numeric')
    return numericHistogram(profile.sorted, column.values);
  if (profile === undefined || column === undefined) return undefined;
  if (profile.kind === 'numeric' || column.kind === 'numeric') return undefined;
  return categoricalHistogram(profile.counts, countValues(column.values));
}

/** The picture of drift over time: the effect of tests, the score of distances, bucket by bucket. */
export function overTimeChart(
  subject: Subject,
  { groups }: DriftOverTime,
  { method, minEffect }: Pick<DriftOptions, 'method' | 'minEffect'>,
): ChartSpec {
  const isTest = method === 'auto' || method === 'ks_test' || method === 'chi_square';
  const unit = minEffect === undefined || minEffect === 0 ? DEFAULT_MIN_EFFECT : minEffect;
  const results = groups.flatMap((group) => group.results.map((result) => ({ at: group.since, result })));
  const features = byFeature(results);
  const [first] = groups;
  return driftOverTimeChart({
    ...subject,
    measure: isTest ? "effect (KS distance, Cramér's V)" : method,
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
