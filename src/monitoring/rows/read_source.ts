import { builtFile } from '../../built_file.ts';
import { ModelYardError } from '../../errors.ts';
import { type ReadableFiles, withReadable } from '../../files/file_access.ts';
import type { WindowReader } from '../../prediction_log/window_reader.ts';
import { featureKinds } from '../../registry/feature_kinds.ts';
import type { VersionRecord } from '../../registry/version_record.ts';
import type { Column } from '../../tables/column.ts';
import { heavyTask } from '../../threads/index.ts';
import { readRecords } from './records.ts';

/** Where current or reference rows come from: given by the caller, or a window of the prediction log. */
export type RowSource =
  | { kind: 'records'; records: readonly Record<string, unknown>[] }
  | { kind: 'path'; path: string }
  | { kind: 'window'; since: number; until: number };

export interface SourceDependencies extends ReadableFiles {
  /** Brings every prediction that was answered into the database. */
  flushLog: () => Promise<string[]>;
  readWindow: WindowReader;
}

/** Rows as columns, one value a row. */
export interface SourceRows {
  rows: number;
  features: Column[];
  /** What was answered to them, where they come from the log. */
  answers: { values: Column[]; probabilities: { label: string; values: Float64Array }[] } | undefined;
  /** Actual values, where they are known. */
  outcome: Column | undefined;
  /** Milliseconds since 1970, where they come from the log. */
  at: Float64Array | undefined;
  /** Where the rows came from, for a report. */
  source: string;
  warnings: string[];
}

export interface SourceOptions {
  outcomeColumn?: string | undefined;
  /** Values of another kind are errors. */
  strict: boolean;
  signal?: AbortSignal | undefined;
}

const readHeavyFile = heavyTask(
  builtFile('read_file.js'),
  'readFile',
  async () => (await import('./read_file.ts')).readFile,
);

/** Bytes of a file that is read in place; a larger one takes a thread. */
const bytesInPlace = 128 * 1024;

/**
 * Reads the features of the version; of one without named features all columns that the rows have.
 * @throws INVALID_INPUT, PATH_NOT_ALLOWED, LIMIT_EXCEEDED, SIGNATURE_MISMATCH; NOT_ENOUGH_DATA for an empty window
 */
export async function readSource(
  dependencies: SourceDependencies,
  record: VersionRecord,
  source: RowSource,
  { outcomeColumn, strict, signal }: SourceOptions,
): Promise<SourceRows> {
  if (source.kind === 'window') return readLoggedRows(dependencies, record, source.since, source.until);
  const wanted = { features: featureKinds(record.signature), outcomeColumn, strict };
  if (source.kind === 'records') {
    const given = await readRecords(source.records, wanted);
    return {
      ...given,
      answers: undefined,
      at: undefined,
      source: `${source.records.length} records of the call`,
    };
  }
  const given = await withReadable(source.path, dependencies, ({ fd, bytes }) => {
    const file = { path: fd, shownPath: source.path, bytes, wanted };
    return readHeavyFile(file, bytes <= bytesInPlace, signal);
  });
  return { ...given, answers: undefined, at: undefined, source: source.path };
}

async function readLoggedRows(
  { flushLog, readWindow }: SourceDependencies,
  record: VersionRecord,
  since: number,
  until: number,
): Promise<SourceRows> {
  const behind = await flushLog();
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
    rows: window.rows,
    features: window.features,
    answers: { values: window.values, probabilities: window.probabilities },
    outcome: window.actual,
    at: window.at,
    source: `prediction log, ${range}`,
    warnings: window.truncated
      ? [...behind, `The window has more rows than are read at once: the newest ${window.rows} were taken.`]
      : behind,
  };
}
