import { setImmediate as turn } from 'node:timers/promises';
import type { Database } from '../storage/database.ts';
import { hexAt, type LogColumn, rowOfId, valueAt } from './column.ts';
import { openSegment } from './open_segment.ts';
import { answeredShadowRows } from './segment.ts';

/** The rows of one segment that were searched for. */
export interface LocatedRows {
  segmentId: string;
  version: string;
  rows: number;
  /** Revision of the segment when it was read. */
  revision: number;
  /** Time range of its rows, milliseconds since 1970. */
  minAt: number;
  maxAt: number;
  found: { predictionId: string; row: number }[];
  /** Whether rows of the segment are a shadow's. */
  hasShadows: boolean;
}

/** Rows that are searched before other calls get their turn. */
const rowsATurn = 4096;
/** From this many ids on, all ids of a segment are read once instead of searching for each. */
const manyIds = 20;
/** Ids that are sorted at once; more would block the thread for too long. */
const sortedAtOnce = 10_000;

/**
 * Finds predictions of a model by their ids, segment by segment.
 * @param of answered_shadows: only among the rows that a version answered as a shadow.
 * @throws segmentGone
 */
export async function locatePredictions(
  database: Database,
  modelId: string,
  predictionIds: readonly string[],
  of: 'all' | 'answered_shadows' = 'all',
): Promise<LocatedRows[]> {
  const groups: string[][] = [];
  // PostgreSQL refuses a text with NUL, and no id has one.
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
    .select(['segment_id', 'version', 'rows', 'revision', 'min_id', 'max_id', 'min_at', 'max_at', 'shadows'])
    .where('model_id', '=', modelId)
    .where('max_id', '>=', first)
    .where('min_id', '<=', last)
    .$if(of === 'answered_shadows', (query) => query.where('shadows', '>', 0))
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
    const { answers } = await openSegment(database, segment, ['answers'], columns);
    const ids = answers.get('id');
    await turn();
    const rowsFound = ids === undefined ? [] : await rowsOfIds(ids, candidates, segment.rows);
    const isShadow = answeredShadowRows(answers);
    const found = of === 'all' ? rowsFound : rowsFound.filter(({ row }) => isShadow(row));
    for (const { predictionId } of found) missing.delete(predictionId);
    const { segment_id: segmentId, version, rows, revision } = segment;
    const [minAt, maxAt] = [Number(segment.min_at), Number(segment.max_at)];
    const hasShadows = Number(segment.shadows) > 0;
    if (found.length > 0)
      located.push({ segmentId, version, rows, revision, minAt, maxAt, found, hasShadows });
    await turn();
  }
  return located;
}

/** Columns of the answers that are read. */
const columns = new Set(['id', 'route', 'error_code']);

/** The index of the first text that is not less than `text`. */
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
