import { builtFile } from '../../built_file.ts';
import { ModelYardError } from '../../errors.ts';
import { resolveVersion } from '../../registry/resolve_version.ts';
import type { VersionRecord } from '../../registry/version_record.ts';
import { quotedName } from '../../stored_texts.ts';
import type { Column } from '../../tables/column.ts';
import { heavyTask } from '../../threads/index.ts';
import { findReference, readReferenceColumns, readReferenceRows } from '../reference/reference.ts';
import { asReference, type ReportedReference } from '../reference/reported_reference.ts';
import { makeReference, type ReferenceDependencies } from '../reference/set_reference_data.ts';
import { loggedPredictions } from '../rows/prediction_columns.ts';
import { type RowSource, readSource, type SourceRows } from '../rows/read_source.ts';
import { rowsIn, scoreRows } from '../rows/score_rows.ts';
import { unloggedFeatures, unloggedWarning } from '../rows/unlogged_features.ts';
import type { MeasuredDrift, ReportRequest } from './measure_drift.ts';
import { driftMethods, methodFor } from './methods/index.ts';
import type { DriftOptions } from './result.ts';

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
  /** Rows to compare with instead of a stored reference; nothing is stored of them. */
  reference?: RowSource | undefined;
  /** A feature by which segments are told apart and compared each for itself. */
  segmentBy?: string | undefined;
  /** Into how many stretches of time the window is cut and compared each for itself. */
  buckets?: number | undefined;
  /** Draw pictures. */
  chart?: boolean | undefined;
  /** Drifted features whose medians are wanted, the worst first. Default 20. */
  medians?: number | undefined;
  signal?: AbortSignal | undefined;
  /** Told what is done now, in words. */
  step?: ((what: string) => void) | undefined;
}

export interface DriftReport extends Omit<MeasuredDrift, 'charts'> {
  record: VersionRecord;
  reference: ReportedReference;
  current: { rows: number; source: string };
  /** PNG, when they were asked for. */
  pictures: Buffer[];
}

/** More predictions would not make their distribution any clearer. */
const maxScoredRows = 10_000;
const defaultMedians = 20;

const measureDrift = heavyTask(
  builtFile('measure_drift.js'),
  'measureDrift',
  async () => (await import('./measure_drift.ts')).measureDrift,
);

/**
 * Compares current rows with a reference of the version.
 * @throws MODEL_NOT_FOUND, VERSION_NOT_FOUND, NO_REFERENCE, NOT_ENOUGH_DATA (an empty window), INVALID_INPUT
 */
export async function detectDrift(
  dependencies: ReferenceDependencies,
  request: DriftRequest,
): Promise<DriftReport> {
  const { database } = dependencies;
  requirePossible(request);
  const record = await resolveVersion(database, request.modelId, request.version);
  const { options, target, segmentBy, signal, step } = request;
  const isJoint = options.method === 'multivariate';
  const warnings: string[] = [];
  const compares = {
    features: target !== 'predictions',
    // Naming features asks for those alone, unless predictions are the target.
    predictions: target === 'predictions' || (target === 'all' && request.features === undefined && !isJoint),
  };
  const made =
    request.reference &&
    (await makeReference(
      dependencies,
      record,
      { rows: request.reference, signal, step },
      compares.predictions,
    ));
  const reference = made ? asReference(made) : await findReference(database, record, request.referenceId);
  requireKnownFeatures(request, reference);
  step?.('reading the current rows');
  const given = await readSource(dependencies, record, request.rows, { strict: false, signal });
  if (compares.predictions && reference.predictions.length === 0) {
    compares.predictions = false;
    warnings.push('The reference has no predictions to compare with.');
  }
  if (compares.predictions && given.answers === undefined) step?.('asking the version for its answers');
  const predictions = compares.predictions
    ? await currentPredictions(dependencies, record, given)
    : { columns: [], warnings: [] };
  // A segment's feature is needed to tell segments apart, whatever features are compared.
  const isWanted = ({ name }: { name: string }) => request.features?.includes(name) ?? true;
  const unlogged =
    request.rows.kind === 'window' && compares.features
      ? unloggedFeatures(given.features, reference.features.filter(isWanted))
      : [];
  if (unlogged.length > 0) warnings.push(unloggedWarning(unlogged));
  const isCompared = (column: { name: string }) =>
    compares.features && isWanted(column) && !unlogged.includes(column.name);
  const needsRows = isJoint || segmentBy !== undefined;
  const columnsOf = async (
    part: 'features' | 'predictions',
    isPart: (column: { name: string }) => boolean,
  ) =>
    reference.referenceId === undefined
      ? (made?.[part].filter(isPart) ?? [])
      : readReferenceColumns(database, { ...reference, referenceId: reference.referenceId }, part, isPart);
  const rowsOfReference = async () =>
    reference.referenceId === undefined
      ? made?.kept.bytes
      : readReferenceRows(database, { referenceId: reference.referenceId });
  const rows = needsRows ? await rowsOfReference() : undefined;
  if (needsRows && rows === undefined)
    throw new ModelYardError(
      'INVALID_INPUT',
      `The reference ${reference.referenceId ?? ''} was stored without whole rows, which ${isJoint ? 'method multivariate' : 'segment_by'} needs.`,
      'Set the reference again with set_reference_data.',
    );
  const report: ReportRequest = {
    reference: {
      features: await columnsOf('features', isCompared),
      predictions: compares.predictions ? await columnsOf('predictions', () => true) : [],
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
  step?.(
    `comparing ${report.current.features.length + predictions.columns.length} columns of ${given.rows} rows`,
  );
  const { charts, ...measured } = await measureDrift(report, isQuick(report, reference, given.rows), signal);
  return {
    record,
    ...measured,
    reference,
    current: { rows: given.rows, source: given.source },
    warnings: [
      ...(made?.warnings ?? []),
      ...given.warnings,
      ...predictions.warnings,
      ...warnings,
      ...measured.warnings,
    ],
    pictures: await draw(charts),
  };
}

/** The drawing is loaded with the first picture that is wanted. */
async function draw(charts: MeasuredDrift['charts']): Promise<Buffer[]> {
  if (charts.length === 0) return [];
  const { renderChart } = await import('../charts/index.ts');
  return Promise.all(charts.map(renderChart));
}

/** Steps that take a few milliseconds at most: an exact p-value takes one for every pair of rows. */
const quickSteps = 2_000_000;

function isQuick(report: ReportRequest, reference: ReportedReference, rows: number): boolean {
  const { reference: before, current, options, buckets, segmentBy, jointly, chart } = report;
  if (jointly || segmentBy !== undefined || buckets !== undefined || chart !== undefined) return false;
  if (driftMethods[methodFor('numeric', options.method)].simulatesNoise) return false;
  // Whether categories are new by chance is simulated too.
  const columns = [...current.features, ...current.predictions];
  if (columns.some(({ kind }) => kind !== 'numeric')) return false;
  const compared = before.features.length + before.predictions.length;
  return compared * Math.max(1, reference.rows) * Math.max(1, rows) <= quickSteps;
}

async function currentPredictions(
  dependencies: ReferenceDependencies,
  record: VersionRecord,
  given: SourceRows,
): Promise<{ columns: Column[]; warnings: string[] }> {
  if (given.answers !== undefined) return { columns: loggedPredictions(given.answers), warnings: [] };
  if (given.rows === 0) return { columns: [], warnings: [] };
  const scored = await scoreRows(dependencies, record, given.features, given.rows, maxScoredRows);
  return { columns: loggedPredictions(scored), warnings: scored.warnings };
}

/** Where there is no row no column is absent: there is nothing in any. */
function withEmptyColumns({ features, rows }: SourceRows, reference: ReportedReference): Column[] {
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
  dependencies: ReferenceDependencies,
  record: VersionRecord,
  limits: Pick<DriftOptions, 'significance' | 'missingThreshold'>,
): Promise<string[]> {
  const until = dependencies.clock() + 1;
  const { results } = await detectDrift(dependencies, {
    modelId: record.modelId,
    version: record.version,
    target: 'all',
    rows: { kind: 'window', since: until - 24 * 3_600_000, until },
    options: { method: 'auto', correction: 'bh', ...limits },
  });
  return results
    .filter(({ is_drift, severity }) => is_drift && severity === 'high')
    .map(({ feature }) => feature);
}

/** @throws INVALID_INPUT for names that the reference does not have */
function requireKnownFeatures({ features, segmentBy }: DriftRequest, reference: ReportedReference): void {
  const known = new Set(reference.features.map(({ name }) => name));
  const hint = `Name some of its features: ${[...known].slice(0, 60).map(quotedName).join(', ')}${known.size > 60 ? ', …' : ''}.`;
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
