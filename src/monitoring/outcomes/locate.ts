import { setImmediate as turn } from 'node:timers/promises';
import type { Database } from '../../storage/database.ts';
import { hexAt, type LogColumn, rowOfId, valueAt } from '../log/column.ts';
import { openSegment } from '../log/open_segment.ts';

/** The rows of one segment of the log that were looked for. */
export interface LocatedRows {
  segmentId: string;
  version: string;
  rows: number;
  /** As the segment was when it was read. */
  revision: number;
  found: { predictionId: string; row: number }[];
}

/** So many rows are looked at before others have their turn. */
const rowsATurn = 4096;
/** From so many ids on, all ids of a segment are read once rather than searched for each. */
const manyIds = 20;
/** More would hold up the thread for too long. */
const sortedAtOnce = 10_000;

/**
 * Finds predictions of a model by their ids, segment by segment.
 * @throws segmentGone
 */
export async function locatePredictions(
  database: Database,
  modelId: string,
  predictionIds: readonly string[],
): Promise<LocatedRows[]> {
  const groups: string[][] = [];
  // PostgreSQL refuses to be asked for a text with a NUL, and no id has one.
  const possible = predictionIds.filter((id) => !id.includes('\0'));
  for (let start = 0; start < possible.length; start += sortedAtOnce) {
    groups.push(possible.slice(start, start + sortedAtOnce).sort());
    await turn();
  }
  const first = groups.map(([id]) => id ?? '').sort()[0];
  const last = groups
    .map((group) => group.at(-1) ?? '')
    .sort()
    .at(-1);
  if (first === undefined || last === undefined) return [];
  const segments = await database
    .selectFrom('prediction_segments')
    .select(['segment_id', 'version', 'rows', 'revision', 'min_id', 'max_id'])
    .where('model_id', '=', modelId)
    .where('max_id', '>=', first)
    .where('min_id', '<=', last)
    .execute();
  await turn();
  const missing = new Set(predictionIds);
  await turn();
  const located: LocatedRows[] = [];
  for (const segment of segments) {
    const candidates = groups
      .flatMap((ids) => ids.slice(lowerBound(ids, segment.min_id), lowerBound(ids, `${segment.max_id}\0`)))
      .filter((id) => missing.has(id));
    if (candidates.length === 0) continue;
    const { answers } = await openSegment(database, segment, ['answers'], new Set(['id']));
    const ids = answers.get('id');
    await turn();
    const found = ids === undefined ? [] : await rowsOfIds(ids, candidates, segment.rows);
    for (const { predictionId } of found) missing.delete(predictionId);
    const { segment_id: segmentId, version, rows, revision } = segment;
    if (found.length > 0) located.push({ segmentId, version, rows, revision, found });
    await turn();
  }
  return located;
}

/** The first index from which on texts are not below `text`. */
function lowerBound(sorted: readonly string[], text: string): number {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((sorted[middle] ?? '') < text) low = middle + 1;
    else high = middle;
  }
  return low;
}

async function rowsOfIds(
  ids: LogColumn,
  wanted: readonly string[],
  rows: number,
): Promise<LocatedRows['found']> {
  if (wanted.length < manyIds)
    return wanted.flatMap((predictionId) => {
      const row = rowOfId(ids, predictionId);
      return row === undefined ? [] : [{ predictionId, row }];
    });
  const isPacked = ids.kind === 'uuids';
  const byKey = new Map(wanted.map((id) => [isPacked ? id.replaceAll('-', '') : id, id]));
  const found: LocatedRows['found'] = [];
  for (let row = 0; row < rows; row++) {
    if (row % rowsATurn === 0) await turn();
    const key = isPacked ? hexAt(ids.bytes, row) : String(valueAt(ids, row));
    const predictionId = byKey.get(key);
    if (predictionId !== undefined) found.push({ predictionId, row });
  }
  return found;
}
