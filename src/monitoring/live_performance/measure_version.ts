import { countWindow, type WindowCounts } from '../../prediction_log/count_window.ts';
import { type OutcomeWindow, readOutcomeWindow } from '../../prediction_log/outcome_window.ts';
import { readShadowWindow, type ShadowWindow } from '../../prediction_log/shadow_agreement.ts';
import { type OutcomeTimes, whereOutcomesLie } from '../../prediction_log/where_outcomes_lie.ts';
import type { WindowReader } from '../../prediction_log/window_reader.ts';
import { classesOf } from '../../registry/class_labels.ts';
import type { VersionRecord } from '../../registry/version_record.ts';
import type { Database } from '../../storage/database.ts';
import type { ChartSpec } from '../charts/index.ts';
import {
  type ComparableMetricName,
  type EstimatedPerformance,
  fitEstimator,
  type PerformanceEstimator,
  taskOfModel,
} from '../performance/index.ts';
import { type Arm, measureArm } from './arm.ts';
import { overTimeChart, performanceChart } from './charts.ts';
import { dropsOf, type ReferenceComparison } from './compare_reference.ts';
import { estimateRows } from './estimate_rows.ts';
import { classificationRows, type Measured, measureRows } from './measure_rows.ts';
import { bucketLength, estimateOverTime, headlineOverTime } from './over_time.ts';
import { readReferenceOutcomes } from './reference_outcomes.ts';
import { type MeasuredSegment, measureSegments } from './segments.ts';

interface ArmRequest {
  /** See prediction_log/assignments.ts. */
  setAt: number;
  sticky: boolean;
  since: number;
  /** Default: accuracy, or the mean absolute error. */
  metric: ComparableMetricName | undefined;
  /** Which rows with an outcome; default those that the weights assigned. */
  rows?: 'with_outcome' | 'shadow_with_outcome' | undefined;
  /** Of a shadow: the version of which the callers' answers to the same rows are measured too. */
  beside?: string | undefined;
}

export interface VersionRequest {
  record: VersionRecord;
  /** From `since` (inclusive) to `until` (exclusive), milliseconds since 1970. */
  since: number;
  until: number;
  /** A feature whose values divide the rows into segments. */
  segmentBy?: string | undefined;
  /** Id of a reference with outcomes. */
  referenceId?: string | undefined;
  /** The smallest drop that counts, as a share of the reference's value. */
  dropThreshold: number;
  /** How many windows are judged together with this one, including it. Default 1. */
  windows?: number | undefined;
  chart: boolean;
  /** Whether to compare what the version answered as a shadow, and to measure that where it answered nothing else. */
  withShadows?: boolean | undefined;
  /** The route that assigned calls to the version, where versions are to be compared. */
  arm?: ArmRequest | undefined;
}

/** The measured performance of a version, as plain data. */
export interface VersionMeasurement extends WindowCounts {
  /** Whose rows the rest is about: those answered to callers, or a shadow's. */
  rowsOf: 'callers' | 'shadow';
  measured: Measured;
  /** As a shadow; undefined where it was none, or nobody asked. */
  shadow: ShadowMeasurement | undefined;
  /** The worst first; undefined unless segments were asked for. */
  segments: MeasuredSegment[] | undefined;
  reference: ReferenceComparison | undefined;
  /** Of all answered rows; undefined when every outcome is known, or where no estimate is possible. */
  estimate: EstimatedPerformance | undefined;
  arm: Arm | undefined;
  /** What the version that it was the shadow of answered to the same rows, where that was asked for. */
  given: Arm | undefined;
  charts: ChartSpec[];
  notes: string[];
}

/** What a version did as a shadow. */
export interface ShadowMeasurement extends ShadowWindow {
  /** By the outcomes of the predictions that it was the shadow of, where `measured` is about other rows. */
  measured: Measured | undefined;
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
  const isShadow = request.withShadows === true && counts.answered === 0 && counts.shadows > 0;
  const rowKinds = isShadow ? shadowRowKinds : callerRowKinds;
  if (counts.withOutcome === 0 && !isShadow) {
    const lie = await newestOutcomes(database, record);
    if (lie !== undefined)
      notes.push(
        `No prediction of this window has an outcome. ${whereOutcomesLie(lie, until >= Date.now() - clockToleranceMs && lie.from < since ? until : undefined)}.`,
      );
  }
  const window = await readOutcomeWindow(readWindow, record, {
    since,
    until,
    features: segmentBy === undefined ? [] : [segmentBy],
    rows: rowKinds.withOutcome,
  });
  if (window.truncated)
    notes.push(`More rows have an outcome than are read at once: the newest ${window.rows} were measured.`);
  const measured = measureRows(window, classes);
  const reference =
    request.referenceId === undefined
      ? undefined
      : await readReferenceOutcomes(database, record, request.referenceId);
  const segments =
    segmentBy === undefined ? undefined : segmentsOf(window, reference, request, segmentBy, classes, notes);
  const { comparison, estimator } = compareReference(reference, request, measured, classes, notes);
  const areAllKnown = isShadow
    ? counts.shadows === counts.shadowsWithOutcome
    : counts.answered === counts.withOutcome;
  const estimated =
    estimator === undefined || areAllKnown
      ? undefined
      : await estimateWindow(store, request, rowKinds.answered, estimator, notes);
  return {
    ...counts,
    rowsOf: isShadow ? 'shadow' : 'callers',
    measured,
    shadow:
      request.withShadows === true && counts.shadows > 0
        ? await measureShadow(store, request, isShadow, classes, notes)
        : undefined,
    segments,
    reference: comparison,
    estimate: estimated?.estimate,
    ...(await readArm(store, request, classes)),
    charts: request.chart ? chartsOf(request, window, measured, comparison, estimated) : [],
    notes,
  };
}

const callerRowKinds = { answered: 'answered', withOutcome: 'with_outcome' } as const;
const shadowRowKinds = { answered: 'shadow', withOutcome: 'shadow_with_outcome' } as const;

async function measureShadow(
  { database, readWindow }: MeasuringStore,
  { record, since, until }: VersionRequest,
  isMeasured: boolean,
  classes: readonly string[] | undefined,
  notes: string[],
): Promise<ShadowMeasurement> {
  const { modelId, version, signature } = record;
  const areClasses = signature.outputs.some(({ role }) => role !== undefined);
  const compared = await readShadowWindow(database, { modelId, version, since, until }, areClasses);
  if (compared.truncated)
    notes.push(`It answered more rows as a shadow than are read at once: agreement is of the newest ones.`);
  if (isMeasured) return { ...compared, measured: undefined };
  const window = await readOutcomeWindow(readWindow, record, { since, until, rows: 'shadow_with_outcome' });
  return { ...compared, measured: measureRows(window, classes) };
}

/** A window that ends this close to now counts as ending now. */
const clockToleranceMs = 60_000;
const newestSegments = 20;

/** The newest predictions of the version that have an outcome. */
async function newestOutcomes(
  database: Database,
  { modelId, version }: VersionRecord,
): Promise<OutcomeTimes | undefined> {
  const segments = await database
    .selectFrom('prediction_segments')
    .select(['outcomes', 'min_at', 'max_at'])
    .where('model_id', '=', modelId)
    .where('version', '=', version)
    .where('outcomes', '>', 0)
    .where('answered', '>', 0)
    .orderBy('max_at', 'desc')
    .limit(newestSegments)
    .execute();
  if (segments.length === 0) return undefined;
  return {
    count: segments.reduce((sum, { outcomes }) => sum + Number(outcomes), 0),
    from: Math.min(...segments.map(({ min_at }) => Number(min_at))),
    to: Math.max(...segments.map(({ max_at }) => Number(max_at))),
  };
}

type ReferenceRows = NonNullable<Awaited<ReturnType<typeof readReferenceOutcomes>>>;

function segmentsOf(
  window: OutcomeWindow,
  reference: ReferenceRows | undefined,
  { dropThreshold }: VersionRequest,
  segmentBy: string,
  classes: readonly string[] | undefined,
  notes: string[],
): MeasuredSegment[] {
  const [feature] = window.features;
  if (feature === undefined) {
    if (window.rows > 0) notes.push(`No row with an outcome has the feature ${segmentBy} in the log.`);
    return [];
  }
  const same = reference?.features.find(({ name }) => name === segmentBy);
  const isComparable = same !== undefined && (same.kind === 'numeric') === (feature.kind === 'numeric');
  const before = reference && isComparable ? { rows: reference, feature: same } : undefined;
  const segments = measureSegments({ rows: window, feature }, before, classes, dropThreshold);
  const without = segments.filter((segment) => segment.reference === undefined).length;
  if (before === undefined)
    notes.push(
      reference === undefined
        ? 'No reference has outcomes (set_reference_data with outcome_column), so segments have nothing to be held against.'
        : `The reference has no such ${segmentBy}, so segments have nothing to be held against.`,
    );
  else if (without > 0) notes.push(`Of ${segments.length} segments the reference has no rows in ${without}.`);
  return segments;
}

function compareReference(
  rows: ReferenceRows | undefined,
  { referenceId, dropThreshold, windows }: VersionRequest,
  measured: Measured,
  classes: readonly string[] | undefined,
  notes: string[],
): { comparison?: ReferenceComparison; estimator?: PerformanceEstimator | undefined } {
  if (rows === undefined || referenceId === undefined) return {};
  const reference = measureRows(rows, classes);
  const drops = dropsOf(reference, measured, dropThreshold, windows);
  const comparison = { referenceId, measured: reference, drops };
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
  rows: 'answered' | 'shadow',
  estimator: PerformanceEstimator,
  notes: string[],
): Promise<EstimatedWindow> {
  const window = await readOutcomeWindow(readWindow, record, { since, until, rows });
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
  { record, arm, until }: VersionRequest,
  classes: readonly string[] | undefined,
): Promise<Pick<VersionMeasurement, 'arm' | 'given'>> {
  if (arm === undefined) return { arm: undefined, given: undefined };
  const { setAt, sticky, since, metric, rows = 'assigned', beside } = arm;
  const read = (answer: 'own' | 'given') =>
    readOutcomeWindow(readWindow, record, {
      since,
      until,
      rows,
      route: { setAt, sticky },
      ...(beside !== undefined && { beside: { version: beside, answer } }),
    });
  const own = await read('own');
  const measured = measureArm(own, metric, classes);
  if (beside === undefined) return { arm: measured, given: undefined };
  const given = await read('given');
  // Rows may have come between the two readings.
  const isSame = given.rows === own.rows && given.at.every((at, row) => at === own.at[row]);
  return { arm: measured, given: isSame ? measureArm(given, metric, classes) : undefined };
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
