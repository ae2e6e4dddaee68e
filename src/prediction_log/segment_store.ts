import { uuidv7 } from 'uuidv7';
import type { Database } from '../storage/database.ts';
import type { PredictionSegmentRow } from '../storage/schema.ts';
import { compareUuids, type LogColumn, rowsOf, valueAt } from './column.ts';
import { type ColumnBlob, encodeBlob, encodingBlob, openBlob } from './column_blob.ts';
import { atOnce, type Steps } from './in_turns.ts';
import { answeredRows, numbersOf, type Segment, shadowRows } from './segment.ts';

/** The parts of a segment, stored separately: what every reader needs, what few need, and what becomes known later. */
export type Part = 'answers' | 'features' | 'outcomes';

export interface EncodedSegment {
  row: PredictionSegmentRow;
  parts: { part: Part; bytes: Buffer }[];
}

/** Segments of this weight are not merged any more. */
export const fullWeight = 16_384;
/** Bytes of a row of weight 1; longer rows weigh more, so that a full segment has at most about 4 MB. */
const bytesPerWeight = 256;
/** Segments of one tier are merged into one of the next; each tier is up to eight times as heavy as the one below. */
export const tierFactor = 8;
/** The tier of full segments, above all others. */
export const fullTier = Math.ceil(Math.log(fullWeight) / Math.log(tierFactor)) + 1;

/** @param outcomesAt when its outcomes last arrived, milliseconds since 1970; default now */
export function encodeSegment(segment: Segment, outcomesAt = Date.now()): EncodedSegment {
  return atOnce(encodingSegment(segment, outcomesAt));
}

/** The same column by column. */
export function* encodingSegment(segment: Segment, outcomesAt = Date.now()): Steps<EncodedSegment> {
  const { rows, answers, features, outcomes } = segment;
  const encoded = [
    { part: 'answers' as const, ...(yield* encodingBlob(rows, answers)) },
    { part: 'features' as const, ...(yield* encodingBlob(rows, features)) },
    ...(outcomes ? [{ part: 'outcomes' as const, ...encodeOutcomes(outcomes) }] : []),
  ];
  const rawBytes = encoded.reduce((sum, part) => sum + part.rawBytes, 0);
  const weight = Math.max(rows, Math.ceil(rawBytes / bytesPerWeight));
  yield;
  const at = numbersOf(answers.get('at'), rows);
  const [minId, maxId] = idRange(answers.get('id'), rows);
  const isAnswered = answeredRows(answers, rows);
  const isShadow = shadowRows(answers);
  const errors = answers.get('error_code');
  const count = (matches: (row: number) => boolean) => {
    let found = 0;
    for (let row = 0; row < rows; row++) if (matches(row)) found++;
    return found;
  };
  return {
    row: {
      segment_id: uuidv7(),
      model_id: segment.modelId,
      version: segment.version,
      day: segment.day,
      min_at: at[0] ?? 0,
      max_at: at[rows - 1] ?? 0,
      min_id: minId,
      max_id: maxId,
      rows,
      answered: count(isAnswered),
      errors: errors === undefined ? 0 : count((row) => valueAt(errors, row) !== null),
      ...countOutcomesOf(outcomes, isShadow),
      shadows: count(isShadow),
      weight,
      tier: tierOf(weight),
      bytes: encoded.reduce((sum, { bytes }) => sum + bytes.length, 0),
      revision: 0,
      claimed_until: 0,
      outcomes_at: outcomes === undefined ? 0 : outcomesAt,
    },
    parts: encoded.map(({ part, bytes }) => ({ part, bytes })),
  };
}

function tierOf(weight: number): number {
  return weight >= fullWeight ? fullTier : Math.ceil(Math.log(weight) / Math.log(tierFactor) - 1e-9);
}

export function encodeOutcomes(outcomes: LogColumn): { bytes: Buffer; rawBytes: number } {
  return encodeBlob(rowsOf(outcomes), [['actual', outcomes]]);
}

/** The number of outcomes: of rows answered to callers, and of a shadow's rows. */
export function countOutcomesOf(
  column: LogColumn | undefined,
  isShadow: (row: number) => boolean,
): Pick<PredictionSegmentRow, 'outcomes' | 'shadow_outcomes'> {
  const counts = { outcomes: 0, shadow_outcomes: 0 };
  if (column === undefined) return counts;
  for (let row = 0; row < rowsOf(column); row++)
    if (valueAt(column, row) !== null) counts[isShadow(row) ? 'shadow_outcomes' : 'outcomes']++;
  return counts;
}

function idRange(ids: LogColumn | undefined, rows: number): [string, string] {
  if (ids === undefined || rows === 0) return ['', ''];
  if (ids.kind === 'uuids') {
    let [first, last] = [0, 0];
    for (let row = 1; row < rows; row++) {
      if (compareUuids(ids.bytes, row, first) < 0) first = row;
      if (compareUuids(ids.bytes, row, last) > 0) last = row;
    }
    return [String(valueAt(ids, first)), String(valueAt(ids, last))];
  }
  let min = String(valueAt(ids, 0));
  let max = min;
  for (let row = 1; row < rows; row++) {
    const id = String(valueAt(ids, row));
    if (id < min) min = id;
    if (id > max) max = id;
  }
  return [min, max];
}

export async function insertSegments(
  transaction: Database,
  segments: readonly EncodedSegment[],
): Promise<void> {
  for (const { row, parts } of segments) {
    await transaction.insertInto('prediction_segments').values(row).execute();
    await transaction
      .insertInto('prediction_segment_parts')
      .values(parts.map((part) => ({ segment_id: row.segment_id, ...part })))
      .execute();
  }
}

/** @returns the revisions of the segments that existed, by segment id */
export async function deleteSegments(
  transaction: Database,
  segmentIds: readonly string[],
): Promise<Map<string, number>> {
  const deleted = await transaction
    .deleteFrom('prediction_segments')
    .where('segment_id', 'in', [...segmentIds])
    .returning(['segment_id', 'revision'])
    .execute();
  await transaction
    .deleteFrom('prediction_segment_parts')
    .where('segment_id', 'in', [...segmentIds])
    .execute();
  return new Map(deleted.map(({ segment_id, revision }) => [segment_id, revision]));
}

/** The stored parts of a segment, still packed. Empty when it was merged into another meanwhile, or has expired. */
export async function readParts(
  database: Database,
  segmentId: string,
  parts: readonly Part[],
): Promise<Map<string, ColumnBlob>> {
  const found = await readPartBytes(database, segmentId, parts);
  return new Map(Array.from(found, ([part, bytes]) => [part, openBlob(bytes)]));
}

export async function readPartBytes(
  database: Database,
  segmentId: string,
  parts: readonly Part[],
): Promise<Map<string, Buffer>> {
  const found = await database
    .selectFrom('prediction_segment_parts')
    .select(['part', 'bytes'])
    .where('segment_id', '=', segmentId)
    .where('part', 'in', [...parts])
    .execute();
  // libsql returns an ArrayBuffer.
  const bufferOf = (bytes: Buffer | ArrayBuffer) => (Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes));
  return new Map(found.map(({ part, bytes }) => [part, bufferOf(bytes)]));
}

/** A whole segment; undefined when it was merged into another meanwhile, or has expired. */
export async function readSegment(
  database: Database,
  row: Pick<PredictionSegmentRow, 'segment_id' | 'model_id' | 'version' | 'day' | 'rows'>,
): Promise<Segment | undefined> {
  const parts = await readParts(database, row.segment_id, ['answers', 'features', 'outcomes']);
  const [answers, features] = [parts.get('answers'), parts.get('features')];
  if (answers === undefined || features === undefined) return undefined;
  return {
    modelId: row.model_id,
    version: row.version,
    day: row.day,
    rows: row.rows,
    answers: answers.read(),
    features: features.read(),
    outcomes: parts.get('outcomes')?.read().get('actual'),
  };
}
