import { classesOf } from '../../registry/class_labels.ts';
import type { VersionRecord } from '../../registry/version_record.ts';
import type { Database } from '../../storage/database.ts';
import type { ChartSpec } from '../charts/index.ts';
import { countWindow } from '../log/count_window.ts';
import type { WindowReader } from '../log/window_reader.ts';
import { type OutcomeWindow, readOutcomeWindow } from '../outcomes/outcome_window.ts';
import {
  type ArmTotals,
  type EstimatedPerformance,
  fitEstimator,
  type PerformanceEstimator,
  taskOfModel,
} from '../performance/index.ts';
import { armTotals } from './arm_totals.ts';
import { overTimeChart, performanceChart } from './charts.ts';
import { dropsOf, type ReferenceComparison } from './compare_reference.ts';
import { estimateRows } from './estimate_rows.ts';
import { classificationRows, type Measured, measureRows } from './measure_rows.ts';
import { bucketLength, estimateOverTime, headlineOverTime } from './over_time.ts';
import { readReferenceOutcomes } from './reference_outcomes.ts';
import { type MeasuredSegment, measureSegments } from './segments.ts';

export interface VersionRequest {
  record: VersionRecord;
  /** From `since` (inclusive) to `until` (exclusive), milliseconds since 1970. */
  since: number;
  until: number;
  /** A feature by whose values the rows are told apart. */
  segmentBy?: string | undefined;
  /** Id of a reference with outcomes. */
  referenceId?: string | undefined;
  /** What is a drop, as a share of the reference's value. */
  dropThreshold: number;
  chart: boolean;
  /** From when on the totals of what the route's weights sent to the version are wanted. */
  armSince?: number | undefined;
}

/** How well a version answered, as plain data. */
export interface VersionMeasurement {
  /** Rows answered, and of how many of them it is known what really was. */
  answered: number;
  withOutcome: number;
  measured: Measured;
  /** The worst first; undefined when none were asked for. */
  segments: MeasuredSegment[] | undefined;
  reference: ReferenceComparison | undefined;
  /** Of all answered rows; undefined when all outcomes are known, or nothing tells how to estimate. */
  estimate: EstimatedPerformance | undefined;
  arm: ArmTotals | undefined;
  charts: ChartSpec[];
  notes: string[];
}

export interface MeasuringStore {
  database: Database;
  readWindow: WindowReader;
}

/** Measures one version in a window; the log is to be flushed before. */
export async function measureVersion(
  store: MeasuringStore,
  request: VersionRequest,
): Promise<VersionMeasurement> {
  const { record, since, until, segmentBy } = request;
  const { database, readWindow } = store;
  const classes = record.classLabels ?? classesOf(record.signature.outputs);
  const notes: string[] = [];
  const counts = await countWindow(database, {
    modelId: record.modelId,
    version: record.version,
    since,
    until,
  });
  const window = await readOutcomeWindow(readWindow, record, {
    since,
    until,
    features: segmentBy === undefined ? [] : [segmentBy],
    rows: 'with_outcome',
  });
  if (window.truncated)
    notes.push(`More rows have an outcome than are read at once: the newest ${window.rows} were measured.`);
  const measured = measureRows(window, classes);
  const segments = segmentBy === undefined ? undefined : segmentsOf(window, segmentBy, classes, notes);
  const { comparison, estimator } = await compareReference(store, request, measured, classes, notes);
  const estimated =
    estimator === undefined || counts.answered === counts.withOutcome
      ? undefined
      : await estimateWindow(store, request, estimator, notes);
  return {
    ...counts,
    measured,
    segments,
    reference: comparison,
    estimate: estimated?.estimate,
    arm: await readArm(store, request),
    charts: request.chart ? chartsOf(request, window, measured, comparison, estimated) : [],
    notes,
  };
}

function segmentsOf(
  window: OutcomeWindow,
  segmentBy: string,
  classes: readonly string[] | undefined,
  notes: string[],
): MeasuredSegment[] {
  const [feature] = window.features;
  if (feature !== undefined) return measureSegments(window, feature, classes);
  if (window.rows > 0) notes.push(`No row with an outcome has the feature ${segmentBy} in the log.`);
  return [];
}

async function compareReference(
  { database }: MeasuringStore,
  { record, referenceId, dropThreshold }: VersionRequest,
  measured: Measured,
  classes: readonly string[] | undefined,
  notes: string[],
): Promise<{ comparison?: ReferenceComparison; estimator?: PerformanceEstimator | undefined }> {
  if (referenceId === undefined) return {};
  const rows = await readReferenceOutcomes(database, record, referenceId);
  if (rows === undefined) return {};
  const reference = measureRows(rows, classes);
  const comparison = { referenceId, measured: reference, drops: dropsOf(reference, measured, dropThreshold) };
  if (rows.compared.kind !== 'classes' || rows.probabilities.length === 0) return { comparison };
  const { estimator, ...why } = fitEstimator(
    classificationRows(rows.compared, rows.probabilities),
    taskOfModel(classes),
  );
  if ('note' in why) notes.push(`Performance without outcomes is not estimated: ${why.note}`);
  return { comparison, estimator: estimator ?? undefined };
}

interface EstimatedWindow {
  estimate: EstimatedPerformance | undefined;
  overTime: ReturnType<typeof estimateOverTime>;
}

async function estimateWindow(
  { readWindow }: MeasuringStore,
  { record, since, until, chart }: VersionRequest,
  estimator: PerformanceEstimator,
  notes: string[],
): Promise<EstimatedWindow> {
  const window = await readOutcomeWindow(readWindow, record, { since, until, rows: 'answered' });
  if (window.truncated)
    notes.push(
      `More rows were answered than are read at once: the estimate is of the newest ${window.rows}.`,
    );
  return {
    estimate: window.rows === 0 ? undefined : estimateRows(estimator, window),
    overTime: chart ? estimateOverTime(estimator, window, window.at, bucketLength(since, until)) : [],
  };
}

async function readArm(
  { readWindow }: MeasuringStore,
  { record, armSince, since, until }: VersionRequest,
): Promise<ArmTotals | undefined> {
  if (armSince === undefined) return undefined;
  const window = await readOutcomeWindow(readWindow, record, {
    since: Math.max(armSince, since),
    until,
    rows: 'assigned',
  });
  return armTotals(window.compared);
}

function chartsOf(
  { record, since, until }: VersionRequest,
  window: OutcomeWindow,
  measured: Measured,
  reference: ReferenceComparison | undefined,
  estimated: EstimatedWindow | undefined,
): ChartSpec[] {
  const bucketMs = bucketLength(since, until);
  const realised = headlineOverTime(window, window.at, bucketMs);
  return [
    performanceChart(record, measured, window.compared),
    overTimeChart(record, measured, reference?.measured, bucketMs, [
      { name: 'realised', values: realised },
      ...(estimated === undefined ? [] : [{ name: 'estimated', values: estimated.overTime }]),
    ]),
  ].filter((chart) => chart !== undefined);
}
