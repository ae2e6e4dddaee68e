import { ModelYardError } from '../errors.ts';
import { drawCalls, readCalls } from '../prediction_log/logged_calls.ts';
import { actualReader } from '../registry/actual_value.ts';
import type { VersionRecord } from '../registry/version_record.ts';
import { type DatabaseAddress, openDatabase } from '../storage/database.ts';
import { readSnapshot } from '../storage/snapshot.ts';
import type { TableFile } from '../tables/open_table.ts';
import { drawFileRows, withFileBatches } from './file_batches.ts';
import { loggedBatches } from './logged_batches.ts';
import type { ReplayBatch } from './paired_rows.ts';
import { type ReplayFindings, replay } from './replay.ts';
import { openReplayedVersion, type ReplayedVersion } from './replayed_version.ts';

/** Everything that a replay needs, as it goes to its thread. */
export interface ReplayTask {
  address: DatabaseAddress;
  incumbent: ReplayedArtifact;
  candidate: ReplayedArtifact;
  host: { loadTimeoutMs: number; runTimeoutMs: number; memoryBytes: number | undefined };
  rows:
    | { kind: 'window'; since: number; until: number }
    | { kind: 'file'; file: TableFile; outcomeColumn: string | undefined; entityColumn: string | undefined };
  maxRows: number;
  seed: number;
  segmentBy: string | undefined;
}

interface ReplayedArtifact {
  record: VersionRecord;
  /** Where the artifact's bytes are. */
  path: string;
}

type Progress = (done: number, total: number, message: string) => void;

/** Progress is told of at most so often, milliseconds. */
const progressIntervalMs = 250;

/**
 * Replays rows on two versions, each in a host of its own that ends with it.
 * @throws NOT_ENOUGH_DATA (no rows), INVALID_INPUT, SIGNATURE_MISMATCH, and what loading a version throws
 */
export async function replayRows(task: ReplayTask, progress: Progress): Promise<ReplayFindings> {
  const incumbent = await open(task, task.incumbent);
  try {
    const candidate = await open(task, task.candidate);
    try {
      return await (task.rows.kind === 'window'
        ? replayWindow(task, task.rows, incumbent, candidate, progress)
        : replayFile(task, task.rows, incumbent, candidate, progress));
    } finally {
      candidate.close();
    }
  } finally {
    incumbent.close();
  }
}

function open({ host }: ReplayTask, { record, path }: ReplayedArtifact): Promise<ReplayedVersion> {
  return openReplayedVersion(record, { ...host, withFile: (_, use) => use(path) });
}

/** Of one moment of the log: what is merged or deleted meanwhile is read as it was. */
async function replayWindow(
  task: ReplayTask,
  { since, until }: { since: number; until: number },
  incumbent: ReplayedVersion,
  candidate: ReplayedVersion,
  progress: Progress,
): Promise<ReplayFindings> {
  const { maxRows, seed, segmentBy } = task;
  const window = { modelId: incumbent.record.modelId, since, until };
  const names = new Set([
    ...[incumbent, candidate].flatMap(({ record }) => record.signature.features.map(({ name }) => name)),
    ...(segmentBy === undefined ? [] : [segmentBy]),
  ]);
  const opened = await openDatabase(task.address);
  try {
    return await readSnapshot(opened, async (snapshot) => {
      const drawn = await drawCalls(snapshot, window, maxRows, seed);
      if (drawn.available === 0) throw noRows(window);
      const calls = readCalls(snapshot, window, drawn, names, seed);
      const batches = loggedBatches(calls, incumbent.record.version, drawn.drawn);
      const found = await replayBatches(task, incumbent, candidate, batches, progress);
      return { ...found, rows: { ...found.rows, available: drawn.available } };
    });
  } finally {
    await opened.close();
  }
}

async function replayFile(
  task: ReplayTask,
  { file, outcomeColumn, entityColumn }: Extract<ReplayTask['rows'], { kind: 'file' }>,
  incumbent: ReplayedVersion,
  candidate: ReplayedVersion,
  progress: Progress,
): Promise<ReplayFindings> {
  const drawn = await drawFileRows(file, task.maxRows, task.seed);
  if (drawn.available === 0)
    throw new ModelYardError('NOT_ENOUGH_DATA', `${file.shownPath} has no rows.`, 'Give a file with rows.');
  const features = new Map(
    [task.segmentBy === undefined ? [] : [{ name: task.segmentBy, datatype: 'BYTES' }]]
      .flat()
      .concat([incumbent, candidate].flatMap(({ record }) => record.signature.features))
      .map(({ name, datatype }) => [name, { name, datatype }]),
  );
  const read = actualReader(incumbent.record);
  const readOutcome = (given: unknown) => {
    const actual = read(given);
    return actual.kind === 'value' ? actual.value : null;
  };
  const check = (columns: readonly string[]) => {
    for (const [argument, column] of Object.entries({
      outcome_column: outcomeColumn,
      entity_column: entityColumn,
      segment_by: task.segmentBy,
    }))
      if (column !== undefined && !columns.includes(column))
        throw new ModelYardError(
          'INVALID_INPUT',
          `${argument}: ${file.shownPath} has no column "${column}".`,
          `Name one of its columns: ${columns.slice(0, 60).join(', ')}.`,
        );
  };
  const wanted = { file, features: [...features.values()], outcomeColumn, entityColumn, readOutcome };
  const found = await withFileBatches(wanted, drawn, check, (batches) =>
    replayBatches(task, incumbent, candidate, batches, progress),
  );
  return { ...found, rows: { ...found.rows, available: drawn.available } };
}

function replayBatches(
  { segmentBy }: ReplayTask,
  incumbent: ReplayedVersion,
  candidate: ReplayedVersion,
  batches: AsyncIterator<ReplayBatch>,
  progress: Progress,
): Promise<ReplayFindings> {
  let last = Number.NEGATIVE_INFINITY;
  return replay(incumbent, candidate, batches, {
    segmentBy,
    progress(done, rows) {
      const now = performance.now();
      if (now - last < progressIntervalMs && done < 1) return;
      last = now;
      progress(Math.round(100 * done), 100, `${rows} rows replayed on both versions`);
    },
  });
}

function noRows({
  modelId,
  since,
  until,
}: {
  modelId: string;
  since: number;
  until: number;
}): ModelYardError {
  return new ModelYardError(
    'NOT_ENOUGH_DATA',
    `No version of ${modelId} answered a row from ${new Date(since).toISOString()} to ${new Date(until).toISOString()}.`,
    'Widen the window (window_hours or since), or give rows by path.',
  );
}
