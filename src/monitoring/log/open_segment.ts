import type { Database } from '../../storage/database.ts';
import { segmentGone } from './changing.ts';
import type { LogColumn } from './column.ts';
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
  /** The features of these names that the segment has; all when none are named. */
  features(names?: readonly string[]): Promise<Map<string, LogColumn>>;
}

/**
 * @param answers the columns of the answers that are wanted; all when none are named.
 * @throws segmentGone
 */
export async function openSegment(
  database: Database,
  { segment_id, version, rows }: { segment_id: string; version: string; rows: number },
  parts: readonly Part[],
  answers?: readonly string[],
): Promise<OpenSegment> {
  const found = await readParts(database, segment_id, parts);
  const columns = await found.get('answers')?.read(answers);
  if (columns === undefined) throw segmentGone;
  const outcomes = (await found.get('outcomes')?.read())?.get('actual');
  const unpacked = new Map<string, Promise<Map<string, LogColumn>>>();
  return {
    version,
    rows,
    at: numbersOf(columns.get('at'), rows),
    answers: columns,
    outcomes,
    features(names) {
      const key = JSON.stringify(names ?? null);
      const known = unpacked.get(key) ?? found.get('features')?.read(names) ?? Promise.resolve(new Map());
      unpacked.set(key, known);
      return known;
    },
  };
}
