import type { Database } from '../storage/database.ts';
import { segmentGone } from './changing.ts';
import type { LogColumn } from './column.ts';
import type { ColumnBlob, ColumnNames } from './column_blob.ts';
import { numbersOf } from './segment.ts';
import { type Part, readParts } from './segment_store.ts';

/** A segment as it is read: its columns unpacked but for the features, which not every reader wants. */
export interface OpenSegment {
  version: string;
  rows: number;
  /** Times of the rows, ascending, milliseconds since 1970. */
  at: Float64Array;
  answers: Map<string, LogColumn>;
  outcomes: LogColumn | undefined;
  /** The features with the wanted names; all by default. */
  features(wanted?: ColumnNames): Map<string, LogColumn>;
  /** As in column_blob.ts, of a feature. */
  readNumbers: ColumnBlob['readNumbers'];
}

/**
 * @param wanted the columns of the answers that are wanted; all by default.
 * @throws segmentGone
 */
export async function openSegment(
  database: Database,
  { segment_id, version, rows }: { segment_id: string; version: string; rows: number },
  parts: readonly Part[],
  wanted?: ColumnNames,
): Promise<OpenSegment> {
  const found = await readParts(database, segment_id, parts);
  const columns = found.get('answers')?.read(wanted);
  if (columns === undefined) throw segmentGone;
  const outcomes = found.get('outcomes')?.read().get('actual');
  const features = found.get('features');
  const read = (names?: ColumnNames) => features?.read(names) ?? new Map<string, LogColumn>();
  let all: Map<string, LogColumn> | undefined;
  return {
    version,
    rows,
    at: numbersOf(columns.get('at'), rows),
    answers: columns,
    outcomes,
    features(names) {
      if (names !== undefined) return read(names);
      all ??= read();
      return all;
    },
    readNumbers: (name, memory) => features?.readNumbers(name, memory) ?? false,
  };
}
