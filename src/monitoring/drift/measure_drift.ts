import type { Column } from '../../tables/column.ts';
import type { ChartSpec } from '../charts/index.ts';
import type { FeatureProfile } from '../reference/profile.ts';
import { decodeReferenceRows } from '../reference/reference_rows.ts';
import { decodeProfile, type StoredColumn } from '../reference/stored_column.ts';
import type { ComparedColumn } from '../rows/compared_column.ts';
import { comparedColumn } from '../rows/compared_column.ts';
import { loggedPredictions, splitArrays } from '../rows/prediction_columns.ts';
import { type ColumnChanges, columnChanges } from './column_changes.ts';
import { compareColumns } from './compare.ts';
import {
  type BucketDrift,
  compareOverTime,
  type DriftOverTime,
  type TimeBuckets,
} from './compare_over_time.ts';
import { compareSegments, type SegmentDrift } from './compare_segments.ts';
import type { GroupDrift, GroupedDrift } from './judge_groups.ts';
import { withMedians } from './median_shift.ts';
import { compareJointly } from './multivariate.ts';
import type { MultivariateResult } from './multivariate_result.ts';
import { rankOverThreshold } from './over_threshold.ts';
import type { DriftOptions, DriftResult } from './result.ts';
import { snapToSteps } from './snap_to_steps.ts';
import { summariseJointly } from './summarise_jointly.ts';
import { type DriftSummary, summariseDrift } from './summary.ts';
import { markUnseen, type UnseenCategories, unseenCategories } from './unseen_categories.ts';

/** Everything a report is made of, in a form that another thread can be given. */
export interface ReportRequest {
  reference: {
    features: StoredColumn[];
    predictions: StoredColumn[];
    /** Needed for `jointly` and `segmentBy`: whole rows, as reference_rows.ts writes them. */
    rows: Uint8Array<ArrayBuffer> | undefined;
  };
  current: {
    features: Column[];
    predictions: Column[];
    rows: number;
  };
  /** Whether the columns of the features are compared at all, and so may be absent. */
  comparesFeatures: boolean;
  /** Only these features; all when nothing is said. The one that tells segments apart may be there besides. */
  wanted: string[] | undefined;
  options: DriftOptions;
  /** All numeric features at once instead of one by one. */
  jointly: boolean;
  segmentBy: string | undefined;
  buckets: TimeBuckets | undefined;
  /** Drifted features whose medians are wanted, the worst first. */
  medians: number;
  /** Draw pictures for this version. */
  chart: { model_id: string; version: string } | undefined;
}

/** A result with its place: how far over the threshold, and where the middle of the values was and is. */
interface ShownResult extends DriftResult {
  /** 1 is at the threshold, 2 twice as far; left out without a verdict. */
  over_threshold?: number;
  reference_median?: number;
  current_median?: number;
}

/** The worst feature of a group; undefined where none could be judged. */
interface Worst {
  worst: { feature: string; over_threshold: number } | undefined;
}

export interface MeasuredDrift {
  /** Drifted first, then by how far over the threshold. */
  results: ShownResult[];
  summary: DriftSummary;
  /** Undefined where features are not compared. */
  columns: ColumnChanges | undefined;
  unseen: UnseenCategories[];
  multivariate: MultivariateResult | undefined;
  segments: GroupedDrift<SegmentDrift & Worst> | undefined;
  overTime: (GroupedDrift<BucketDrift & Worst> & Pick<DriftOverTime, 'untimed'>) | undefined;
  /** What could not be done, as warnings. */
  warnings: string[];
  charts: ChartSpec[];
}

/**
 * Compares current rows with a reference in all ways that are asked for. Takes seconds for millions of values: for a
 * thread of its own, unless both are small.
 * @throws INVALID_INPUT for a segment feature that there is not on both sides
 */
export async function measureDrift(request: ReportRequest): Promise<MeasuredDrift> {
  const { reference, current, segmentBy, buckets, wanted } = request;
  const isWanted = ({ name }: { name: string }) => wanted?.includes(name) ?? true;
  const isInSegments = (column: { name: string }) => column.name === segmentBy || isWanted(column);
  const profiles = {
    features: reference.features.map(decodeProfile),
    predictions: reference.predictions.map(decodeProfile),
  };
  const given = inSteps(profiles.features, current.features.map(comparedColumn));
  const now = {
    features: request.comparesFeatures ? given.filter(isWanted) : [],
    predictions: inSteps(profiles.predictions, current.predictions.flatMap(splitArrays).map(comparedColumn)),
  };
  const before = [...profiles.features, ...profiles.predictions];
  const predicted = [...profiles.predictions, ...now.predictions].map(({ name }) => name);
  const options = { ...request.options, predictions: predicted };
  const columns = [...now.features, ...now.predictions];
  const changes = request.comparesFeatures ? columnChanges(profiles.features, now.features) : undefined;
  const rows = reference.rows && decodeReferenceRows(reference.rows);
  const rowColumns = {
    features: rows?.features.filter(isInSegments).map(comparedColumn) ?? [],
    predictions: rows === undefined ? [] : loggedPredictions(rows).flatMap(splitArrays).map(comparedColumn),
  };
  if (request.jointly) {
    const side = request.comparesFeatures ? 'features' : 'predictions';
    const multivariate = compareJointly(rowColumns[side], now[side], options);
    return {
      ...nothing,
      summary: summariseJointly(multivariate, changes),
      columns: changes,
      multivariate,
      warnings: request.chart === undefined ? [] : ['There is no picture of method multivariate.'],
    };
  }

  const unseen = unseenCategories(before, columns, options);
  const judged = markUnseen(compareColumns(before, columns, options, current.rows), unseen);
  const ranked = rankOverThreshold(judged, options);
  const results = ranked.map(({ result, ratio }) =>
    ratio === null ? result : { ...result, over_threshold: ratio },
  );
  // Of given rows only some are scored, so that their predictions belong to no segment or bucket.
  const isWhole = now.predictions.every(({ values }) => values.length === current.rows);
  const predictions = isWhole ? now.predictions : [];
  const isGrouped = segmentBy !== undefined || buckets !== undefined;
  const segments =
    segmentBy === undefined
      ? undefined
      : compareSegments(
          [...rowColumns.features, ...(predictions.length > 0 ? rowColumns.predictions : [])],
          [...given.filter(isInSegments), ...predictions],
          segmentBy,
          options,
        );
  const overTime =
    buckets === undefined
      ? undefined
      : compareOverTime(
          [...profiles.features, ...(isWhole ? profiles.predictions : [])],
          [...now.features, ...predictions],
          buckets,
          options,
        );
  const summary = summarise(summariseDrift(judged, changes, options.predictions), segments, overTime);
  return {
    results: withMedians(results, before, columns, request.medians),
    summary,
    columns: changes,
    unseen,
    multivariate: undefined,
    segments: segments && withWorst(segments, options),
    overTime: overTime && { ...withWorst(overTime, options), untimed: overTime.untimed },
    warnings:
      isGrouped && !isWhole
        ? ['Predictions are in no segment or bucket: of given rows only some were scored.']
        : [],
    charts:
      request.chart === undefined
        ? []
        : await chartsOf(request.chart, request, judged, summary, before, columns, overTime),
  };
}

/** The columns as their references' steps have them. */
function inSteps(profiles: readonly FeatureProfile[], columns: readonly ComparedColumn[]): ComparedColumn[] {
  const byName = new Map(profiles.map((profile) => [profile.name, profile]));
  return columns.map((column) => snapToSteps(byName.get(column.name), column));
}

const nothing = { results: [], unseen: [], segments: undefined, overTime: undefined, charts: [] };

function withWorst<Group extends GroupDrift>(
  grouped: GroupedDrift<Group>,
  options: DriftOptions,
): GroupedDrift<Group & Worst> {
  const groups = grouped.groups.map((group) => {
    const [first] = rankOverThreshold(group.results, options);
    const ratio = first?.ratio ?? null;
    const worst =
      first === undefined || ratio === null
        ? undefined
        : { feature: first.result.feature, over_threshold: ratio };
    return { ...group, worst };
  });
  return { ...grouped, groups };
}

/** What only a segment or a stretch of time shows is the advice where the whole shows nothing. */
function summarise(
  summary: DriftSummary,
  segments: { is_drift: boolean; recommendation: string } | undefined,
  overTime: { is_drift: boolean; recommendation: string } | undefined,
): DriftSummary {
  const hidden = [segments, overTime].find((grouped) => grouped?.is_drift);
  if (summary.is_drift || hidden === undefined) return summary;
  return { ...summary, recommendation: `As a whole nothing drifted. ${hidden.recommendation}` };
}

/** Loaded only when a picture is wanted. */
async function chartsOf(
  subject: { model_id: string; version: string },
  { options }: ReportRequest,
  results: readonly DriftResult[],
  summary: DriftSummary,
  reference: readonly FeatureProfile[],
  current: readonly ComparedColumn[],
  overTime: DriftOverTime | undefined,
): Promise<ChartSpec[]> {
  const { reportChart, overTimeChart } = await import('./drift_charts.ts');
  const report = reportChart(subject, results, summary, reference, current, options);
  return overTime === undefined ? [report] : [report, overTimeChart(subject, overTime, options)];
}
