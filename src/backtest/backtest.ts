import { builtFile } from '../built_file.ts';
import { ModelYardError } from '../errors.ts';
import { type ReadableFiles, withReadable } from '../files/file_access.ts';
import { listedClasses } from '../registry/actual_value.ts';
import type { GateEvidence } from '../registry/gates.ts';
import { findVersion } from '../registry/lookup.ts';
import { resolveVersion } from '../registry/resolve_version.ts';
import type { VersionRecord } from '../registry/version_record.ts';
import type { Settings } from '../settings.ts';
import type { ArtifactStore } from '../storage/artifact_store.ts';
import type { Database, DatabaseAddress } from '../storage/database.ts';
import { quotedName } from '../stored_texts.ts';
import { formatOf } from '../tables/formats.ts';
import { openThreads } from '../threads/index.ts';
import { gateEvidence } from './gate_evidence.ts';
import type { ReplayFindings } from './replay.ts';
import type { ReplayTask } from './replay_rows.ts';
import { type BacktestReport, type BacktestRequest, defaultMaxRows } from './report.ts';

export type BacktestTasks = { replay: { input: ReplayTask; output: ReplayFindings } };

export interface BacktestDependencies {
  database: Database;
  address: DatabaseAddress;
  artifacts: ArtifactStore;
  files: ReadableFiles;
  /** Brings every prediction that was answered into the database, if that is soon done. */
  flushLog: () => Promise<string[]>;
  clock: () => number;
}

interface BacktestOptions {
  signal?: AbortSignal | undefined;
  /** Told how much is done. */
  progress?: ReportProgress | undefined;
}

/** Of hundredths. */
type ReportProgress = (done: number, total?: number, message?: string) => void;

export interface Backtest {
  /**
   * Replays logged rows, or rows of a file, on a candidate and on the incumbent, and compares the answers. It runs in a
   * thread and hosts of its own that yield to live calls, and touches no breaker, no statistics and no log; several wait for
   * one another.
   * @throws MODEL_NOT_FOUND, VERSION_NOT_FOUND, INVALID_INPUT, PATH_NOT_ALLOWED; NOT_ENOUGH_DATA where there are no rows;
   *   SIGNATURE_MISMATCH where the rows cannot hold a version's inputs; CANCELLED, and what loading a version throws
   */
  run(request: BacktestRequest, options?: BacktestOptions): Promise<BacktestReport>;
  /** For the gates of a promotion: the calls of the last week, see registry/gates.ts. */
  forGate: GateEvidence['backtest'];
  close(): Promise<void>;
}

/** What a gate replays: as much as a client waits for. */
const gateWindowMs = 7 * 86_400_000;
const gateRows = 100_000;
/** The draw of rows is the same each time. */
const sampleSeed = 1;

export function openBacktest(settings: Settings, dependencies: BacktestDependencies): Backtest {
  const threads = openThreads<BacktestTasks>(builtFile('backtest_thread.js'), { threads: 1, idleMs: 0 });
  const { database, address, artifacts, files, flushLog, clock } = dependencies;
  const run: Backtest['run'] = async (request, options = {}) => {
    const candidate = await findVersion(database, request.modelId, request.version);
    const incumbent = await resolveVersion(database, request.modelId, request.against);
    requireSensible(request, incumbent, candidate);
    const task = {
      address,
      host: {
        loadTimeoutMs: settings.loadTimeoutMs,
        runTimeoutMs: settings.predictTimeoutMs,
        memoryBytes: settings.engineMemoryBytes,
      },
      maxRows: request.maxRows ?? defaultMaxRows,
      seed: sampleSeed,
      segmentBy: request.segmentBy,
    };
    const replay = (rows: ReplayTask['rows']) =>
      artifacts.withFile(incumbent.artifact, (path) =>
        artifacts.withFile(candidate.artifact, (candidatePath) => {
          const versions = {
            incumbent: { record: incumbent, path },
            candidate: { record: candidate, path: candidatePath },
          };
          return threads.run('replay', { ...task, ...versions, rows }, options);
        }),
      );
    const { rows } = request;
    const [found, behind] =
      rows.kind === 'window'
        ? await flushLog().then(async (warnings) => [await replay(rows), warnings] as const)
        : await withReadable(rows.path, files, async ({ fd, bytes }) => {
            const file = { format: formatOf(rows.path), path: fd, shownPath: rows.path, bytes };
            const { outcomeColumn, entityColumn } = rows;
            return [
              await replay({ kind: 'file', file, outcomeColumn, entityColumn }),
              [] as string[],
            ] as const;
          });
    return reportOf(request, incumbent, candidate, found, behind, settings.logExcludedFeatures);
  };
  return {
    run,
    async forGate(record, incumbent, metric) {
      const until = clock() + 1;
      const report = await run({
        modelId: record.modelId,
        version: record.version,
        against: incumbent,
        rows: { kind: 'window', since: until - gateWindowMs, until },
        maxRows: gateRows,
      });
      return gateEvidence(report, metric);
    },
    close: () => threads.close(),
  };
}

/** @throws INVALID_INPUT, SIGNATURE_MISMATCH (answers of different kinds) */
function requireSensible(
  { modelId, segmentBy }: BacktestRequest,
  incumbent: VersionRecord,
  candidate: VersionRecord,
): void {
  if (incumbent.version === candidate.version)
    throw new ModelYardError(
      'INVALID_INPUT',
      `${modelId} ${candidate.version} would be compared with itself: it is the active version.`,
      'Name the version to compare it with in against.',
    );
  const [own, others] = [candidate, incumbent].map(listedClasses);
  const isApart = own !== undefined && others !== undefined && own.length > 0 && others.length > 0;
  if (
    (own === undefined) !== (others === undefined) ||
    (isApart && !own.some((name) => others.includes(name)))
  )
    throw new ModelYardError(
      'SIGNATURE_MISMATCH',
      `${candidate.version} answers ${answersOf(own)} and ${incumbent.version} ${answersOf(others)}: their answers cannot be compared.`,
      'Register the version with the same class_labels, or name another version in against.',
    );
  const features = [incumbent, candidate].flatMap(({ signature }) =>
    signature.features.map(({ name }) => name),
  );
  if (segmentBy !== undefined && !features.includes(segmentBy))
    throw new ModelYardError(
      'INVALID_INPUT',
      `segment_by names "${segmentBy}", which is a feature of neither version.`,
      `Name one of: ${[...new Set(features)].slice(0, 60).map(quotedName).join(', ')}.`,
    );
}

function answersOf(classes: readonly string[] | undefined): string {
  if (classes === undefined) return 'numbers';
  return classes.length === 0 ? 'classes' : `the classes ${classes.slice(0, 5).join(', ')}`;
}

/** @throws SIGNATURE_MISMATCH where no row has what a version needs */
function reportOf(
  request: BacktestRequest,
  incumbent: VersionRecord,
  candidate: VersionRecord,
  { absent, warnings, ...found }: ReplayFindings,
  behind: readonly string[],
  excluded: readonly string[],
): BacktestReport {
  const { modelId, rows } = request;
  if (found.rows.compared === 0)
    for (const [record, names] of [
      [incumbent, absent.incumbent],
      [candidate, absent.candidate],
    ] as const)
      if (names.size > 0) throw notHeld(record, [...names], rows, excluded);
  const isDrawn = found.rows.replayed < found.rows.available;
  return {
    modelId,
    candidate: candidate.version,
    incumbent: incumbent.version,
    source:
      rows.kind === 'path'
        ? rows.path
        : `prediction log, ${new Date(rows.since).toISOString()} to ${new Date(rows.until).toISOString()}`,
    sampleSeed: isDrawn ? sampleSeed : null,
    ...found,
    warnings: [...behind, ...warnings],
  };
}

function notHeld(
  { modelId, version }: VersionRecord,
  names: readonly string[],
  rows: BacktestRequest['rows'],
  excluded: readonly string[],
): ModelYardError {
  const listed = `${names.slice(0, 20).join(', ')}${names.length > 20 ? ` and ${names.length - 20} more` : ''}`;
  if (rows.kind === 'path')
    return new ModelYardError(
      'SIGNATURE_MISMATCH',
      `${rows.path} has no column for what ${modelId} ${version} needs: ${listed}.`,
      'Name the columns as the features are called; get_model shows them.',
    );
  const left = names.filter((name) => excluded.includes(name) || excluded.includes(`${modelId}:${name}`));
  const why =
    left.length > 0
      ? ` MODELYARD_LOG_EXCLUDE_FEATURES keeps ${left.slice(0, 20).join(', ')} out of it.`
      : ' The calls were made with other features, or with tensors.';
  return new ModelYardError(
    'SIGNATURE_MISMATCH',
    `The log does not hold what ${modelId} ${version} needs: ${listed}.${why}`,
    'Give rows that have it by path, or compare the version as a shadow (set_traffic with shadow_version).',
  );
}
