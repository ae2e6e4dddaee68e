import { ModelYardError } from '../../errors.ts';
import { findVersion } from '../../registry/lookup.ts';
import type { VersionRecord } from '../../registry/version_record.ts';
import type { Database } from '../../storage/database.ts';
import type { ChartSpec } from '../charts/index.ts';
import { featureKinds } from '../columns.ts';
import { readFindings, type StreamFinding } from '../online/index.ts';
import { resolveVersion } from '../resolve_version.ts';
import { type CallStatistics, noCalls, readCalls } from './calls.ts';
import { compareVersions, type VersionComparison } from './compare_versions.ts';
import type { VersionMeasurement } from './measure_version.ts';
import type { Measurer } from './measurer.ts';
import { findReferenceOutcomes } from './reference_outcomes.ts';
import { readSplit } from './split.ts';

export interface LivePerformanceDependencies {
  database: Database;
  /** Brings every prediction that was answered into the database. */
  flushLog: () => Promise<void>;
  measure: Measurer;
  /** What is a drop, as a share of the reference's value. */
  dropThreshold: number;
}

export interface PerformanceRequest {
  modelId: string;
  /** Default: the active one, else the one in production. */
  version?: string | undefined;
  /** From `since` (inclusive) to `until` (exclusive), milliseconds since 1970. */
  since: number;
  until: number;
  /** Every version that was called in the window, and how those that carry traffic compare. */
  byVersion: boolean;
  segmentBy?: string | undefined;
  chart: boolean;
}

/** How a version did in a window. */
export interface VersionPerformance extends Omit<VersionMeasurement, 'arm' | 'charts'> {
  record: VersionRecord;
  calls: CallStatistics;
  /** Changes of its errors and latency that were found in the window, newest first. */
  changes: StreamFinding[];
}

export interface PerformanceReport {
  /** The version that was asked for. */
  primary: VersionPerformance;
  /** By version: all with calls, the most called first. */
  versions: VersionPerformance[];
  comparison: VersionComparison | undefined;
  /** Of the primary one. */
  charts: ChartSpec[];
  warnings: string[];
}

/** Versions that are measured at once. */
const mostVersions = 10;

/**
 * How well a model answered in a window. Too little data is said in the report.
 * @throws MODEL_NOT_FOUND, VERSION_NOT_FOUND, INVALID_INPUT (no version to choose, a feature that the model does not have)
 */
export async function readPerformance(
  dependencies: LivePerformanceDependencies,
  request: PerformanceRequest,
): Promise<PerformanceReport> {
  const { database, flushLog, measure, dropThreshold } = dependencies;
  const { modelId, since, until, segmentBy } = request;
  const primary = await resolveVersion(database, modelId, request.version);
  requireFeature(primary, segmentBy);
  await flushLog();
  const calls = await readCalls(database, modelId, since, until);
  const warnings: string[] = [];
  const records = await recordsOf(database, request, primary, calls, warnings);
  const split = request.byVersion ? await readSplit(database, modelId, since, until) : undefined;
  const requests = await Promise.all(
    records.map(async (record) => ({
      record,
      since,
      until,
      segmentBy,
      referenceId: (await findReferenceOutcomes(database, record))?.referenceId,
      dropThreshold,
      chart: request.chart && record === primary,
      armSince: split?.versions.some(({ version }) => version === record.version) ? split.since : undefined,
    })),
  );
  const { versions: measurements, assigned } = await measure({ versions: requests, split });
  const findings = await readFindings(database, { modelId, since });
  const arms = new Map(records.map(({ version }, index) => [version, measurements[index]?.arm]));
  const charts: ChartSpec[] = [];
  const versions = records.flatMap((record, index): VersionPerformance[] => {
    const measurement = measurements[index];
    if (measurement === undefined) return [];
    const { arm: _, charts: drawn, ...measured } = measurement;
    charts.push(...drawn);
    const changes = findings.filter(({ version, at }) => version === record.version && at < until);
    return [{ record, calls: calls.get(record.version) ?? noCalls(), changes, ...measured }];
  });
  const [own] = versions;
  if (own === undefined) throw new RangeError('nothing was measured');
  return {
    primary: own,
    versions: request.byVersion ? byCalls(versions) : [],
    comparison: split && compareVersions(split, assigned, arms),
    charts,
    warnings,
  };
}

function byCalls(versions: readonly VersionPerformance[]): VersionPerformance[] {
  return versions
    .filter(({ calls, answered }) => calls.calls > 0 || answered > 0)
    .toSorted((a, b) => b.calls.calls - a.calls.calls);
}

/** The version that was asked for, then others that were called. */
async function recordsOf(
  database: Database,
  { modelId, byVersion }: PerformanceRequest,
  primary: VersionRecord,
  calls: ReadonlyMap<string, CallStatistics>,
  warnings: string[],
): Promise<VersionRecord[]> {
  const others = [...calls]
    .filter(([version]) => version !== primary.version)
    .sort(([, a], [, b]) => b.calls - a.calls)
    .map(([version]) => version);
  if (!byVersion) {
    if (others.length > 0)
      warnings.push(
        `Other versions were called too (${others.slice(0, 5).join(', ')}${others.length > 5 ? ', …' : ''}); by_version=true shows them.`,
      );
    return [primary];
  }
  if (others.length >= mostVersions)
    warnings.push(
      `${others.length + 1} versions were called; the ${mostVersions} with the most calls are shown.`,
    );
  const found = await Promise.all(
    others.slice(0, mostVersions - 1).map((version) =>
      // A version may have been deleted since it was called.
      findVersion(database, modelId, version).catch((error: unknown) => {
        if (error instanceof ModelYardError && error.code === 'VERSION_NOT_FOUND') return undefined;
        throw error;
      }),
    ),
  );
  return [primary, ...found.filter((record) => record !== undefined)];
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
      : `Its features: ${known.slice(0, 60).join(', ')}${known.length > 60 ? ', …' : ''}.`,
  );
}
