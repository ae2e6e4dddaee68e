import { setImmediate as turn } from 'node:timers/promises';
import { changeModel } from '../access/change_model.ts';
import { nameOf, type Origin } from '../access/origin.ts';
import { ModelYardError } from '../errors.ts';
import { findVersion, requireModel } from '../registry/lookup.ts';
import type { VersionRecord } from '../registry/version_record.ts';
import type { Database } from '../storage/database.ts';
import { featureKinds } from './columns.ts';
import {
  type Column,
  columnChanges,
  compareColumns,
  type DriftOptions,
  type DriftSummary,
  summariseDrift,
} from './drift/index.ts';
import type { LogWindow } from './log/window.ts';
import { toDriftColumn, type WindowColumn } from './log/window_column.ts';
import type { WindowReader } from './log/window_reader.ts';
import { type ShownResult, withMedians } from './median_shift.ts';
import { latestReference, profileReference, type Reference, storeReference } from './reference.ts';
import { type GivenRows, readGivenRows } from './rows.ts';
import { type Scorer, scoreColumns } from './score_rows.ts';

export interface MonitorDependencies {
  database: Database;
  /** Brings every prediction that was answered into the database. */
  flushLog: () => Promise<void>;
  readWindow: WindowReader;
  scorer: Scorer;
  allowedRoots: readonly string[];
  clock: () => number;
}

/** Where current or reference rows come from: given by the caller, or a window of the prediction log. */
export type RowSource = GivenRows | { kind: 'window'; since: number; until: number };

interface Rows {
  features: Column[];
  predictions: Column[];
  rows: number;
  source: string;
  warnings: string[];
}

export interface ReferenceRequest {
  modelId: string;
  version?: string | undefined;
  rows: RowSource;
}

/**
 * Stores what the version's current rows will be compared with.
 * @throws MODEL_NOT_FOUND, VERSION_NOT_FOUND, INVALID_INPUT, PATH_NOT_ALLOWED, NOT_ENOUGH_DATA, LIMIT_EXCEEDED
 */
export async function setReference(
  dependencies: MonitorDependencies,
  request: ReferenceRequest,
  origin: Origin,
): Promise<{ record: VersionRecord; reference: Reference; warnings: string[] }> {
  const record = await resolveVersion(dependencies.database, request.modelId, request.version);
  const { warnings, ...rows } = await readRows(dependencies, record, request.rows, true);
  const profile = profileReference(rows);
  const reference = await changeModel(
    dependencies,
    origin,
    { modelId: record.modelId, version: record.version },
    async (transaction, at) => {
      const result = await storeReference(
        transaction,
        record,
        { ...rows, profile },
        at,
        nameOf(origin.caller),
      );
      const { referenceId, source, rows: count } = result;
      return { result, before: undefined, after: { reference_id: referenceId, source, rows: count } };
    },
  );
  return { record, reference, warnings };
}

export interface DriftRequest {
  modelId: string;
  version?: string | undefined;
  target: 'features' | 'predictions' | 'all';
  rows: RowSource;
  features?: string[] | undefined;
  options: DriftOptions;
}

export interface DriftReport {
  record: VersionRecord;
  results: ShownResult[];
  summary: DriftSummary;
  reference: Reference;
  current: { rows: number; source: string };
  warnings: string[];
}

/**
 * Compares current rows with the version's reference.
 * @throws MODEL_NOT_FOUND, VERSION_NOT_FOUND, NO_REFERENCE, NOT_ENOUGH_DATA (an empty window), INVALID_INPUT
 */
export async function detectDrift(
  dependencies: MonitorDependencies,
  request: DriftRequest,
): Promise<DriftReport> {
  const record = await resolveVersion(dependencies.database, request.modelId, request.version);
  const reference = await latestReference(dependencies.database, record);
  const current = await readRows(dependencies, record, request.rows, request.target !== 'features');
  const { profile } = reference;
  requireKnownFeatures(request.features, reference);
  const isWanted = ({ name }: { name: string }) => request.features?.includes(name) ?? true;
  const compared = {
    features: request.target !== 'predictions',
    // Naming features asks for those alone, unless predictions are the target.
    predictions:
      request.target === 'predictions' || (request.target === 'all' && request.features === undefined),
  };
  const warnings = [...current.warnings];
  if (compared.predictions && profile.predictions.length === 0) {
    compared.predictions = false;
    warnings.push('The reference has no predictions to compare with.');
  }
  const before = [
    ...(compared.features ? profile.features.filter(isWanted) : []),
    ...(compared.predictions ? profile.predictions : []),
  ];
  const now = [
    ...(compared.features ? current.features.filter(isWanted) : []),
    ...(compared.predictions ? current.predictions : []),
  ];
  const results = compareColumns(before, now, request.options);
  return {
    record,
    results: withMedians(results, before, now),
    summary: summariseDrift(
      results,
      compared.features
        ? columnChanges(profile.features.filter(isWanted), current.features.filter(isWanted))
        : undefined,
    ),
    reference,
    current: { rows: current.rows, source: current.source },
    warnings,
  };
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

/** The version named, else the active one, else the one in production. */
async function resolveVersion(
  database: Database,
  modelId: string,
  version: string | undefined,
): Promise<VersionRecord> {
  if (version !== undefined) return findVersion(database, modelId, version);
  await requireModel(database, modelId);
  const active = await database
    .selectFrom('routes')
    .select('active_version as version')
    .where('model_id', '=', modelId)
    .executeTakeFirst();
  const production = await database
    .selectFrom('versions')
    .select('version')
    .where('model_id', '=', modelId)
    .where('stage', '=', 'production')
    .executeTakeFirst();
  const found = active ?? production;
  if (found === undefined)
    throw new ModelYardError(
      'INVALID_INPUT',
      `${modelId} has no active and no production version, so version must be given.`,
      'Name the version; get_model lists them.',
    );
  return findVersion(database, modelId, found.version);
}

async function readRows(
  dependencies: MonitorDependencies,
  record: VersionRecord,
  source: RowSource,
  withPredictions: boolean,
): Promise<Rows> {
  if (source.kind === 'window') return readLoggedRows(dependencies, record, source.since, source.until);
  const given = await readGivenRows(record, source, dependencies.allowedRoots);
  const scored = withPredictions
    ? await scoreColumns(dependencies.scorer, record, given.columns, given.rows)
    : { columns: [], warnings: [] };
  return {
    features: given.columns,
    predictions: scored.columns,
    rows: given.rows,
    source: given.source,
    warnings: [...given.warnings, ...scored.warnings],
  };
}

async function readLoggedRows(
  { flushLog, readWindow }: MonitorDependencies,
  record: VersionRecord,
  since: number,
  until: number,
): Promise<Rows> {
  await flushLog();
  const window = await readWindow({
    modelId: record.modelId,
    version: record.version,
    since,
    until,
    rows: 'answered',
    features: featureKinds(record.signature),
  });
  const range = `${new Date(since).toISOString()} to ${new Date(until).toISOString()}`;
  if (window.rows === 0)
    throw new ModelYardError(
      'NOT_ENOUGH_DATA',
      `${record.modelId} ${record.version} answered no prediction from ${range}.`,
      'Widen the window (window_hours or since), name another version, or give the rows themselves.',
    );
  return {
    features: await driftColumns(window.features),
    predictions: await driftColumns(loggedPredictions(window)),
    rows: window.rows,
    source: `prediction log, ${range}`,
    warnings: window.truncated
      ? [`The window has more rows than are read at once: the newest ${window.rows} were taken.`]
      : [],
  };
}

/** More columns of a model that answers arrays would only make more noise. */
const maxArrayColumns = 50;

/** As predictionColumns has them: of two classes the probability of the second, which says both. */
function loggedPredictions({ probabilities, values }: LogWindow): WindowColumn[] {
  if (probabilities.length === 0) return values.slice(0, maxArrayColumns);
  const shown = probabilities.length === 2 ? probabilities.slice(1) : probabilities;
  return shown.map(({ label, values: column }) => ({ name: `P(${label})`, kind: 'numeric', values: column }));
}

async function driftColumns(columns: readonly WindowColumn[]): Promise<Column[]> {
  const converted: Column[] = [];
  for (const column of columns) {
    converted.push(toDriftColumn(column));
    // A column of a million texts takes a while.
    if (column.kind !== 'numeric') await turn();
  }
  return converted;
}

function requireKnownFeatures(wanted: readonly string[] | undefined, { profile }: Reference): void {
  const known = profile.features.map(({ name }) => name);
  const unknown = wanted?.filter((name) => !known.includes(name)) ?? [];
  if (unknown.length > 0)
    throw new ModelYardError(
      'INVALID_INPUT',
      `features names ${unknown.join(', ')}, which the reference does not have.`,
      `Its features: ${known.slice(0, 60).join(', ')}${known.length > 60 ? ', …' : ''}.`,
    );
}
