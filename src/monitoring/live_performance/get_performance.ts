import { readFindings, type StreamFinding } from '../../change_detectors/index.ts';
import { ModelYardError } from '../../errors.ts';
import { featureKinds } from '../../registry/feature_kinds.ts';
import { findStoredVersion } from '../../registry/lookup.ts';
import { resolveVersion } from '../../registry/resolve_version.ts';
import type { VersionRecord } from '../../registry/version_record.ts';
import type { Database } from '../../storage/database.ts';
import { quotedName } from '../../stored_texts.ts';
import type { ChartSpec } from '../charts/index.ts';
import { type ComparableMetricName, comparableMetric, comparableMetricsOf } from '../performance/index.ts';
import { type CallStatistics, noCalls, readCalls } from './calls.ts';
import { compareVersions, type ShadowPairs, type VersionComparison } from './compare_versions.ts';
import type { VersionMeasurement, VersionRequest } from './measure_version.ts';
import type { Measurer } from './measurer.ts';
import { findReferenceOutcomes } from './reference_outcomes.ts';
import { readSplit, type SplitFound } from './split.ts';

export interface LivePerformanceDependencies {
  database: Database;
  /** Moves every answered prediction into the database. */
  flushLog: () => Promise<string[]>;
  measure: Measurer;
  /** The smallest drop that counts, as a share of the reference's value. */
  dropThreshold: number;
}

export interface PerformanceRequest {
  modelId: string;
  /** Default: the active version, or else the one in production. */
  version?: string | undefined;
  /** From `since` (inclusive) to `until` (exclusive), milliseconds since 1970. */
  since: number;
  until: number;
  /** Whether to measure every version that was called in the window, and to compare those that carry traffic. */
  byVersion: boolean;
  segmentBy?: string | undefined;
  chart: boolean;
  /** The metric that versions are compared by. Default: accuracy, or the mean absolute error. */
  metric?: ComparableMetricName | undefined;
}

/** The performance of a version in a window. */
export interface VersionPerformance extends Omit<VersionMeasurement, 'arm' | 'given' | 'charts'> {
  record: VersionRecord;
  calls: CallStatistics;
  /** The feature that tells its segments apart. */
  segmentBy: string | undefined;
  /** Changes of its error rate and latency that were detected in the window, newest first. */
  changes: StreamFinding[];
}

export interface PerformanceReport {
  /** The version that was asked for. */
  primary: VersionPerformance;
  /** All versions with calls, the most called first. */
  versions: VersionPerformance[];
  comparison: VersionComparison | undefined;
  /** Of the primary version. */
  charts: ChartSpec[];
  warnings: string[];
}

/** Versions that are measured in one report. */
const maxVersions = 10;

/**
 * The performance of a model in a window. Too little data is noted in the report.
 *
 * @throws MODEL_NOT_FOUND, VERSION_NOT_FOUND, INVALID_INPUT (no version to choose, a feature that the model lacks)
 */
export async function readPerformance(
  dependencies: LivePerformanceDependencies,
  request: PerformanceRequest,
): Promise<PerformanceReport> {
  const { database, flushLog, measure, dropThreshold } = dependencies;
  const { modelId, since, until, segmentBy } = request;
  const primary = await resolveVersion(database, modelId, request.version);
  requireFeature(primary, segmentBy);
  requireMetric(primary, request.metric);
  const behind = await flushLog();
  const calls = await readCalls(database, modelId, since, until);
  const warnings: string[] = [...behind];
  const shadows = request.byVersion ? await shadowVersions(database, request) : [];
  const records = await recordsOf(database, request, primary, { calls, shadows }, warnings);
  const split = request.byVersion
    ? await readSplit(database, modelId, since, until, shadows.length > 0)
    : undefined;
  const requests = await Promise.all(
    records.map(async (record) => ({
      record,
      since,
      until,
      segmentBy,
      referenceId: (await findReferenceOutcomes(database, record))?.referenceId,
      dropThreshold,
      chart: request.chart && record === primary,
      withShadows: true,
      arm: split && armOf(split, record.version, shadows, request.metric),
    })),
  );
  const { versions: measurements, assigned } = await measure({ versions: requests, split });
  const findings = await readFindings(database, { modelId, since });
  const arms = new Map(records.map(({ version }, index) => [version, measurements[index]?.arm]));
  const charts: ChartSpec[] = [];
  const versions = records.flatMap((record, index): VersionPerformance[] => {
    const measurement = measurements[index];
    if (measurement === undefined) return [];
    const { arm: _, given: __, charts: drawn, ...measured } = measurement;
    charts.push(...drawn);
    const changes = findings.filter(({ version, at }) => version === record.version && at < until);
    return [{ record, calls: calls.get(record.version) ?? noCalls(), segmentBy, changes, ...measured }];
  });
  const [own] = versions;
  if (own === undefined) throw new RangeError('nothing was measured');
  return {
    primary: own,
    versions: request.byVersion ? byCalls(versions) : [],
    comparison: split && compareVersions(split, assigned, arms, pairsOf(records, measurements)),
    charts,
    warnings,
  };
}

/** How a version takes part in the comparison: by the calls that it was given, or as a shadow of the baseline. */
function armOf(
  { versions, setAt, sticky, since, baseline, kind }: SplitFound,
  version: string,
  shadows: readonly string[],
  metric: ComparableMetricName | undefined,
): VersionRequest['arm'] {
  const arm = { setAt, sticky, since, metric };
  if (versions.some((one) => one.version === version))
    return kind === 'active' ? { ...arm, rows: 'with_outcome' } : arm;
  return shadows.includes(version) ? { ...arm, rows: 'shadow_with_outcome', beside: baseline } : undefined;
}

function pairsOf(
  records: readonly VersionRecord[],
  measurements: readonly VersionMeasurement[],
): ShadowPairs[] {
  return records.flatMap(({ version }, index) => {
    const { arm: own, given } = measurements[index] ?? {};
    return own === undefined || given === undefined ? [] : [{ version, own, given }];
  });
}

function byCalls(versions: readonly VersionPerformance[]): VersionPerformance[] {
  return versions
    .filter(({ calls, answered, shadows }) => calls.calls > 0 || answered > 0 || shadows > 0)
    .toSorted((a, b) => b.calls.calls - a.calls.calls);
}

/** The version asked for, then the others that were called. */
async function recordsOf(
  database: Database,
  request: PerformanceRequest,
  primary: VersionRecord,
  { calls, shadows }: { calls: ReadonlyMap<string, CallStatistics>; shadows: readonly string[] },
  warnings: string[],
): Promise<VersionRecord[]> {
  const { modelId, byVersion } = request;
  const called = [...calls]
    .filter(([version]) => version !== primary.version)
    .sort(([, a], [, b]) => b.calls - a.calls)
    .map(([version]) => version);
  if (!byVersion) {
    if (called.length > 0)
      warnings.push(
        `Other versions were called too (${called.slice(0, 5).join(', ')}${called.length > 5 ? ', …' : ''}); by_version=true shows them.`,
      );
    return [primary];
  }
  const others = [...new Set([...called, ...shadows])].filter((version) => version !== primary.version);
  if (others.length >= maxVersions)
    warnings.push(
      `${others.length + 1} versions were called; the ${maxVersions} with the most calls are shown.`,
    );
  const found = await Promise.all(
    others.slice(0, maxVersions - 1).map((version) =>
      // A version may have been deleted since it was called.
      findStoredVersion(database, modelId, version).catch((error: unknown) => {
        if (error instanceof ModelYardError && error.code === 'VERSION_NOT_FOUND') return undefined;
        throw error;
      }),
    ),
  );
  const records = [primary];
  for (const { version, stored } of found.filter((one) => one !== undefined)) {
    if ('record' in stored) records.push(stored.record);
    else warnings.push(`${version} is left out: ${stored.damage.message} ${stored.damage.hint}`);
  }
  return records;
}

/** The versions that were a shadow in the window. */
async function shadowVersions(
  database: Database,
  { modelId, since, until }: PerformanceRequest,
): Promise<string[]> {
  const found = await database
    .selectFrom('prediction_segments')
    .select('version')
    .distinct()
    .where('model_id', '=', modelId)
    .where('max_at', '>=', since)
    .where('min_at', '<', until)
    .where('shadows', '>', 0)
    .execute();
  return found.map(({ version }) => version).sort();
}

/** Refuses a metric of regressions for a model whose outputs are known to be classes. */
function requireMetric(
  { modelId, version, signature, classLabels }: VersionRecord,
  metric: ComparableMetricName | undefined,
): void {
  if (metric === undefined || comparableMetric(metric).task === 'classification') return;
  if (classLabels === undefined && signature.outputs.every(({ role }) => role === undefined)) return;
  throw new ModelYardError(
    'INVALID_INPUT',
    `metric=${metric} is of numbers, and ${modelId} ${version} answers classes.`,
    `Metrics of classes: ${comparableMetricsOf('classification').join(', ')}.`,
  );
}

function requireFeature({ modelId, version, signature }: VersionRecord, segmentBy: string | undefined): void {
  if (segmentBy === undefined) return;
  const known = featureKinds(signature).map(({ name }) => name);
  if (known.includes(segmentBy)) return;
  throw new ModelYardError(
    'INVALID_INPUT',
    `segment_by=${segmentBy} is no feature of ${modelId} ${version}.`,
    known.length === 0
      ? 'The model has no named features: leave segment_by out.'
      : `Name one of its features: ${known.slice(0, 60).map(quotedName).join(', ')}${known.length > 60 ? ', …' : ''}.`,
  );
}
