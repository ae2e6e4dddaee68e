import { z } from 'zod';
import { pageCursor, readPageCursor } from '../page_cursor.ts';
import { findVersionName, requireModel } from '../registry/lookup.ts';
import type { Database } from '../storage/database.ts';
import { readUnchanged } from './changing.ts';
import { rowOfId, valueAt } from './column.ts';
import { type OpenSegment, openSegment } from './open_segment.ts';
import { answerOf, cellOf, probabilitiesOf } from './segment.ts';

export interface PredictionQuery {
  /** undefined: the prediction id is searched in the logs of all models. */
  modelId: string | undefined;
  version?: string | undefined;
  since?: number | undefined;
  predictionId?: string | undefined;
  only: 'errors' | 'with_outcome' | 'all';
  limit: number;
  cursor?: string | undefined;
}

export interface LoggedPrediction {
  modelId: string;
  predictionId: string;
  version: string;
  at: number;
  route: string;
  entityKey: string | null;
  /** null: the caller named none. */
  traceId: string | null;
  /** null: not known. */
  latencyMs: number | null;
  features: [string, unknown][] | null;
  value: unknown;
  /** Without those that were NaN. */
  probabilities: [string, number][] | null;
  error: string | null;
  /** The outcome (actual value); undefined where it is not known. */
  actual: unknown;
}

type Cursor = [at: number, predictionId: string];

export interface ListedPredictions {
  total: number;
  predictions: LoggedPrediction[];
  nextCursor: string | null;
}

/** When a prediction was made, and its id. */
const cursorSchema = z.tuple([z.number(), z.string()]);

/**
 * Logged predictions, newest first, a page at a time.
 * @throws MODEL_NOT_FOUND, VERSION_NOT_FOUND, INVALID_INPUT for a cursor that was not given out
 */
export async function listPredictions(
  database: Database,
  asked: PredictionQuery,
): Promise<ListedPredictions> {
  const { modelId } = asked;
  const version = modelId && asked.version && (await findVersionName(database, modelId, asked.version));
  if (version === undefined && modelId !== undefined) await requireModel(database, modelId);
  const query = { ...asked, version };
  const cursor =
    query.cursor === undefined
      ? undefined
      : readPageCursor(cursorSchema, query.cursor, { tool: 'list_predictions' });
  return readUnchanged(async () => {
    const { predictionId } = query;
    if (predictionId !== undefined) return findPrediction(database, query, predictionId);
    const found = await newestRows(database, query, cursor);
    const shown = found.slice(0, query.limit);
    const last = found.length > query.limit ? shown.at(-1) : undefined;
    return {
      total: await countRows(database, query),
      predictions: shown.map(describeRow),
      nextCursor: last === undefined ? null : cursorOf({ at: last.at, predictionId: last.id }),
    };
  });
}

/** The cursor of the page that follows a prediction. */
export function cursorOf({ at, predictionId }: { at: number; predictionId: string }): string {
  return pageCursor([at, predictionId]);
}

/** The segments that can hold matching rows. */
function matchingSegments(database: Database, { modelId, version, since, only }: PredictionQuery) {
  let segments = database.selectFrom('prediction_segments');
  if (modelId !== undefined) segments = segments.where('model_id', '=', modelId);
  if (version !== undefined) segments = segments.where('version', '=', version);
  if (since !== undefined) segments = segments.where('max_at', '>=', since);
  if (only === 'errors') segments = segments.where('errors', '>', 0);
  if (only === 'with_outcome')
    segments = segments.where((eb) => eb.or([eb('outcomes', '>', 0), eb('shadow_outcomes', '>', 0)]));
  return segments;
}

const reading = ['segment_id', 'model_id', 'version', 'rows', 'min_at', 'max_at'] as const;

interface FoundRow {
  modelId: string;
  at: number;
  id: string;
  segment: OpenSegment;
  row: number;
}

function byAge(a: FoundRow, b: FoundRow): number {
  return b.at - a.at || (a.id < b.id ? 1 : -1);
}

/** How many segments are listed at a time. */
const listedSegments = 50;

/**
 * Reads one row more than the page holds, if there are that many. Segments overlap in time, so the place of a row is
 * certain only when no later segment can have a newer one.
 */
async function newestRows(
  database: Database,
  query: PredictionQuery,
  cursor: Cursor | undefined,
): Promise<FoundRow[]> {
  const wanted = query.limit + 1;
  let waiting: FoundRow[] = [];
  for await (const listed of segmentsByAge(database, query, cursor)) {
    // No row of the remaining segments is newer than these.
    const settled = waiting.filter(({ at }) => at > listed.max_at);
    if (settled.length >= wanted) return settled.slice(0, wanted);
    const segment = await openSegment(database, listed, ['answers', 'features', 'outcomes']);
    waiting = [...waiting, ...rowsOfSegment(listed.model_id, segment, query, cursor, wanted)]
      .sort(byAge)
      .slice(0, wanted);
  }
  return waiting;
}

async function* segmentsByAge(database: Database, query: PredictionQuery, cursor: Cursor | undefined) {
  let last: { max_at: number; segment_id: string } | undefined;
  for (;;) {
    let segments = matchingSegments(database, query).select(reading);
    if (cursor !== undefined) segments = segments.where('min_at', '<=', cursor[0]);
    const before = last;
    if (before !== undefined)
      segments = segments.where((eb) =>
        eb.or([
          eb('max_at', '<', before.max_at),
          eb.and([eb('max_at', '=', before.max_at), eb('segment_id', '<', before.segment_id)]),
        ]),
      );
    const found = await segments
      .orderBy('max_at', 'desc')
      .orderBy('segment_id', 'desc')
      .limit(listedSegments)
      .execute();
    yield* found;
    last = found.at(-1);
    if (found.length < listedSegments) return;
  }
}

/** The newest matching rows of a segment. */
function rowsOfSegment(
  modelId: string,
  segment: OpenSegment,
  query: PredictionQuery,
  cursor: Cursor | undefined,
  wanted: number,
): FoundRow[] {
  const matches = rowFilter(segment, query);
  const found: FoundRow[] = [];
  for (let row = segment.rows - 1; row >= 0 && found.length < wanted; row--) {
    const at = segment.at[row] ?? 0;
    if (cursor !== undefined && at > cursor[0]) continue;
    if (!matches(row)) continue;
    const id = idOf(segment, row);
    if (cursor === undefined || at < cursor[0] || id < cursor[1])
      found.push({ modelId, at, id, segment, row });
  }
  return found;
}

function idOf({ answers }: OpenSegment, row: number): string {
  return String(cellOf(answers, 'id', row));
}

function rowFilter(
  { at, answers, outcomes }: OpenSegment,
  { since, only }: PredictionQuery,
): (row: number) => boolean {
  return (row) => {
    if (since !== undefined && (at[row] ?? 0) < since) return false;
    if (only === 'errors') return cellOf(answers, 'error_code', row) !== null;
    return only === 'all' || (outcomes !== undefined && valueAt(outcomes, row) !== null);
  };
}

/** Counted from the segments' totals, except where `since` falls within a segment. */
async function countRows(database: Database, query: PredictionQuery): Promise<number> {
  const { since, only } = query;
  const counted = {
    all: ['rows'],
    errors: ['errors'],
    with_outcome: ['outcomes', 'shadow_outcomes'],
  } as const;
  let whole = matchingSegments(database, query);
  if (since !== undefined) whole = whole.where('min_at', '>=', since);
  let total = 0;
  for (const column of counted[only]) {
    const { sum } = await whole
      .select((eb) => eb.fn.sum<number | null>(column).as('sum'))
      .executeTakeFirstOrThrow();
    total += Number(sum ?? 0);
  }
  if (since === undefined) return total;
  const cut = await matchingSegments(database, query).select(reading).where('min_at', '<', since).execute();
  for (const listed of cut) {
    const segment = await openSegment(
      database,
      listed,
      ['answers', 'outcomes'],
      new Set(['at', 'error_code']),
    );
    const matches = rowFilter(segment, query);
    for (let row = 0; row < segment.rows; row++) if (matches(row)) total++;
  }
  return total;
}

async function findPrediction(database: Database, query: PredictionQuery, predictionId: string) {
  const listed = await matchingSegments(database, query)
    .select(reading)
    .where('min_id', '<=', predictionId)
    .where('max_id', '>=', predictionId)
    .execute();
  // Several models may have a prediction with that id where callers give their own.
  const found: FoundRow[] = [];
  for (const one of listed) {
    const { answers } = await openSegment(database, one, ['answers'], new Set(['id', 'at']));
    const ids = answers.get('id');
    const row = ids && rowOfId(ids, predictionId);
    if (row === undefined) continue;
    const segment = await openSegment(database, one, ['answers', 'features', 'outcomes']);
    if (!rowFilter(segment, query)(row)) continue;
    found.push({ modelId: one.model_id, at: segment.at[row] ?? 0, id: predictionId, segment, row });
  }
  return { total: found.length, predictions: found.map(describeRow), nextCursor: null };
}

const layoutSchema = z.array(z.string()).nullable();

function describeRow({ modelId, at, id, segment, row }: FoundRow): LoggedPrediction {
  const { answers, outcomes } = segment;
  const cell = (name: string) => cellOf(answers, name, row);
  const layout = layoutSchema.parse(cell('layout'));
  const features = segment.features();
  const [entityKey, traceId] = [cell('entity_key'), cell('trace_id')];
  const [code, latencyMs] = [cell('error_code'), cell('latency_ms')];
  const actual = outcomes === undefined ? null : valueAt(outcomes, row);
  return {
    modelId,
    predictionId: id,
    version: segment.version,
    at,
    route: String(cell('route')),
    entityKey: entityKey === null ? null : String(entityKey),
    traceId: traceId === null ? null : String(traceId),
    latencyMs: latencyMs === null ? null : Number(latencyMs),
    features: layout?.map((name) => [name, cellOf(features, name, row)]) ?? null,
    value: answerOf(answers, row),
    probabilities:
      probabilitiesOf(answers, row)?.flatMap(([label, probability]): [string, number][] =>
        probability === null ? [] : [[label, probability]],
      ) ?? null,
    error: code === null ? null : `${code}: ${cell('error_message')}`,
    actual: actual === null ? undefined : actual,
  };
}
