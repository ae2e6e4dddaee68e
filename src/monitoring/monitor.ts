import { ModelYardError } from '../errors.ts';
import type { VersionRecord } from '../registry/version_record.ts';
import { runTask } from './analysis/run_task.ts';
import type { DriftOptions } from './drift/index.ts';
import type { MeasuredDrift, ReportRequest } from './drift_report.ts';
import type { WindowColumn } from './log/window_column.ts';
import { loggedPredictions } from './prediction_columns.ts';
import { type RowSource, readSource, type SourceRows } from './read_source.ts';
import { findReference, type Reference, readReferenceColumns, readReferenceRows } from './reference.ts';
import { resolveVersion } from './resolve_version.ts';
import { rowsIn, scoreRows } from './score_rows.ts';
import type { ReferenceDependencies } from './set_reference.ts';

export type { RowSource } from './read_source.ts';
export { type ReferenceRequest, setReference } from './set_reference.ts';
export type MonitorDependencies = ReferenceDependencies;

export interface DriftRequest {
  modelId: string;
  version?: string | undefined;
  target: 'features' | 'predictions' | 'all';
  rows: RowSource;
  features?: string[] | undefined;
  /** `multivariate`: all numeric features at once. Tests one by one otherwise. */
  options: Omit<DriftOptions, 'method'> & { method: DriftOptions['method'] | 'multivariate' };
  /** An older reference; default the newest. */
  referenceId?: string | undefined;
  /** A feature by which segments are told apart and compared each for itself. */
  segmentBy?: string | undefined;
  /** Into how many stretches of time the window is cut and compared each for itself. */
  buckets?: number | undefined;
  /** Draw pictures. */
  chart?: boolean | undefined;
  /** Drifted features whose medians are wanted, the worst first. Default 20. */
  medians?: number | undefined;
  signal?: AbortSignal | undefined;
}

export interface DriftReport extends Omit<MeasuredDrift, 'charts'> {
  record: VersionRecord;
  reference: Reference;
  current: { rows: number; source: string };
  /** PNG, when they were asked for. */
  pictures: Buffer[];
}

/** More predictions would not make their distribution any clearer. */
const maxScoredRows = 10_000;
const defaultMedians = 20;

/**
 * Compares current rows with a reference of the version.
 * @throws MODEL_NOT_FOUND, VERSION_NOT_FOUND, NO_REFERENCE, NOT_ENOUGH_DATA (an empty window), INVALID_INPUT
 */
export async function detectDrift(
  dependencies: MonitorDependencies,
  request: DriftRequest,
): Promise<DriftReport> {
  const { database } = dependencies;
  requirePossible(request);
  const record = await resolveVersion(database, request.modelId, request.version);
  const reference = await findReference(database, record, request.referenceId);
  requireKnownFeatures(request, reference);
  const { options, target, segmentBy, signal } = request;
  const isJoint = options.method === 'multivariate';
  const warnings: string[] = [];
  const compares = {
    features: target !== 'predictions',
    // Naming features asks for those alone, unless predictions are the target.
    predictions: target === 'predictions' || (target === 'all' && request.features === undefined && !isJoint),
  };
  const given = await readSource(dependencies, record, request.rows, { strict: false, signal });
  if (compares.predictions && reference.predictions.length === 0) {
    compares.predictions = false;
    warnings.push('The reference has no predictions to compare with.');
  }
  const predictions = compares.predictions
    ? await currentPredictions(dependencies, record, given)
    : { columns: [], warnings: [] };
  // A segment's feature is needed to tell segments apart, whatever features are compared.
  const isWanted = ({ name }: { name: string }) => request.features?.includes(name) ?? true;
  const unlogged =
    request.rows.kind === 'window' && compares.features
      ? unloggedIn(given, reference.features.filter(isWanted))
      : [];
  if (unlogged.length > 0) warnings.push(unloggedWarning(unlogged));
  const isCompared = (column: { name: string }) =>
    compares.features && isWanted(column) && !unlogged.includes(column.name);
  const needsRows = isJoint || segmentBy !== undefined;
  const rows = needsRows ? await readReferenceRows(database, reference) : undefined;
  if (needsRows && rows === undefined)
    throw new ModelYardError(
      'INVALID_INPUT',
      `The reference ${reference.referenceId} was stored without whole rows, which ${isJoint ? 'method multivariate' : 'segment_by'} needs.`,
      'Set the reference again with set_reference_data.',
    );
  const report: ReportRequest = {
    reference: {
      features: await readReferenceColumns(database, reference, 'features', isCompared),
      predictions: compares.predictions
        ? await readReferenceColumns(database, reference, 'predictions', () => true)
        : [],
      rows,
    },
    current: {
      features: withEmptyColumns(given, reference).filter(
        (column) => isCompared(column) || column.name === segmentBy,
      ),
      predictions: predictions.columns,
      rows: given.rows,
    },
    comparesFeatures: compares.features,
    wanted: request.features,
    options: { ...options, method: options.method === 'multivariate' ? 'auto' : options.method },
    jointly: isJoint,
    segmentBy,
    buckets: bucketsOf(request, given),
    medians: request.medians ?? defaultMedians,
    chart: request.chart === true ? { model_id: record.modelId, version: record.version } : undefined,
  };
  const { charts, ...measured } = await runTask(
    { name: 'measureDrift', input: report },
    isQuick(report, reference, given.rows),
    signal,
  );
  return {
    record,
    ...measured,
    reference,
    current: { rows: given.rows, source: given.source },
    warnings: [...given.warnings, ...predictions.warnings, ...warnings, ...measured.warnings],
    pictures: await draw(charts),
  };
}

/** The drawing is loaded with the first picture that is wanted. */
async function draw(charts: MeasuredDrift['charts']): Promise<Buffer[]> {
  if (charts.length === 0) return [];
  const { renderChart } = await import('./charts/render_chart.ts');
  return Promise.all(charts.map(renderChart));
}

/** Steps that take a few milliseconds at most: an exact p-value takes one for every pair of rows. */
const quickSteps = 2_000_000;

function isQuick(report: ReportRequest, reference: Reference, rows: number): boolean {
  const { reference: before, current, options, buckets, segmentBy, jointly, chart } = report;
  if (jointly || segmentBy !== undefined || buckets !== undefined || chart !== undefined) return false;
  // Distances are compared with what random splits give, and so are new categories.
  const isTest = options.method === 'auto' || options.method === 'ks_test';
  const columns = [...current.features, ...current.predictions];
  if (!isTest || columns.some(({ kind }) => kind !== 'numeric')) return false;
  const compared = before.features.length + before.predictions.length;
  return compared * Math.max(1, reference.rows) * Math.max(1, rows) <= quickSteps;
}

async function currentPredictions(
  { scorer }: MonitorDependencies,
  record: VersionRecord,
  given: SourceRows,
): Promise<{ columns: WindowColumn[]; warnings: string[] }> {
  if (given.answers !== undefined) return { columns: loggedPredictions(given.answers), warnings: [] };
  if (given.rows === 0) return { columns: [], warnings: [] };
  const scored = await scoreRows(scorer, record, given.features, given.rows, maxScoredRows);
  return { columns: loggedPredictions(scored), warnings: scored.warnings };
}

/**
 * Those of the compared features that no logged row has. A call without them would have been refused: it is the log that
 * leaves them out, and nothing is wrong with the calls.
 */
function unloggedIn({ features }: SourceRows, compared: Reference['features']): string[] {
  const logged = new Set(features.map(({ name }) => name));
  return compared.map(({ name }) => name).filter((name) => !logged.has(name));
}

const shownUnlogged = 10;

function unloggedWarning(names: readonly string[]): string {
  const more = names.length > shownUnlogged ? ', …' : '';
  return (
    `Not in the log, so not compared: ${names.slice(0, shownUnlogged).join(', ')}${more} ` +
    '(left out by MODELYARD_LOG_EXCLUDE_FEATURES, or all calls were made with tensors).'
  );
}

/** Where there is no row no column is absent: there is nothing in any. */
function withEmptyColumns({ features, rows }: SourceRows, reference: Reference): WindowColumn[] {
  if (rows > 0 || rowsIn(features) > 0) return features;
  return reference.features.map(({ name, kind }) =>
    kind === 'numeric'
      ? { name, kind, values: new Float64Array() }
      : { name, kind, categories: [], codes: new Int32Array() },
  );
}

function bucketsOf({ buckets, rows }: DriftRequest, { at }: SourceRows): ReportRequest['buckets'] {
  if (buckets === undefined || at === undefined || rows.kind !== 'window') return undefined;
  const { since, until } = rows;
  return { buckets, times: at, since, until };
}

/** @throws INVALID_INPUT for what cannot be asked for together */
function requirePossible({ buckets, segmentBy, rows, options }: DriftRequest): void {
  if (buckets !== undefined && rows.kind !== 'window')
    throw new ModelYardError(
      'INVALID_INPUT',
      'buckets needs the time of every row, which only the prediction log knows.',
      'Leave out current_data and current_path to compare a window of the log.',
    );
  const grouped = buckets !== undefined ? 'buckets' : segmentBy !== undefined ? 'segment_by' : undefined;
  if (options.method === 'multivariate' && grouped !== undefined)
    throw new ModelYardError(
      'INVALID_INPUT',
      `method multivariate and ${grouped} were both given: it looks at all rows and features at once.`,
      `Leave out ${grouped}, or choose another method.`,
    );
}

/**
 * What of a version's last 24 hours has drifted with the gravest severity.
 * @throws NO_REFERENCE, NOT_ENOUGH_DATA
 */
export async function criticalDrift(
  dependencies: MonitorDependencies,
  record: VersionRecord,
  significance: number,
): Promise<string[]> {
  const until = dependencies.clock() + 1;
  const { results } = await detectDrift(dependencies, {
    modelId: record.modelId,
    version: record.version,
    target: 'all',
    rows: { kind: 'window', since: until - 24 * 3_600_000, until },
    options: { method: 'auto', correction: 'bh', significance },
  });
  return results
    .filter(({ is_drift, severity }) => is_drift && severity === 'high')
    .map(({ feature }) => feature);
}

/** @throws INVALID_INPUT for names that the reference does not have */
function requireKnownFeatures({ features, segmentBy }: DriftRequest, reference: Reference): void {
  const known = new Set(reference.features.map(({ name }) => name));
  const hint = `Its features: ${[...known].slice(0, 60).join(', ')}${known.size > 60 ? ', …' : ''}.`;
  const unknown = features?.filter((name) => !known.has(name)) ?? [];
  if (unknown.length > 0)
    throw new ModelYardError(
      'INVALID_INPUT',
      `features names ${unknown.join(', ')}, which the reference does not have.`,
      hint,
    );
  if (segmentBy !== undefined && !known.has(segmentBy))
    throw new ModelYardError(
      'INVALID_INPUT',
      `segment_by names ${segmentBy}, which the reference does not have.`,
      hint,
    );
}
