import { uuidv7 } from 'uuidv7';
import type { Database } from '../../storage/database.ts';
import type { PredictionSegmentRow } from '../../storage/schema.ts';
import { type LogColumn, rowsOf, valueAt } from './column.ts';
import { type ColumnBlob, encodeBlob, openBlob } from './column_blob.ts';
import { answeredRows, numbersOf, type Segment } from './segment.ts';

/** The parts of a segment: what every reader wants, what few want, and what is known only later. */
export type Part = 'answers' | 'features' | 'outcomes';

export interface EncodedSegment {
  row: PredictionSegmentRow;
  parts: { part: Part; bytes: Buffer }[];
}

/** Segments of this weight are merged no more. */
export const fullWeight = 16_384;
/** A row counts as several when it has more bytes than this, so that a full segment has about 4 MB at most. */
const bytesPerWeight = 256;
/** Segments of one tier are merged into one of the next; each tier's are up to eight times as heavy as the last one's. */
export const tierFactor = 8;
/** The tier of full segments, above all others. */
export const fullTier = Math.ceil(Math.log(fullWeight) / Math.log(tierFactor)) + 1;

export function encodeSegment(segment: Segment): EncodedSegment {
  const { rows, answers, features, outcomes } = segment;
  const encoded = [
    { part: 'answers' as const, ...encodeBlob(rows, answers) },
    { part: 'features' as const, ...encodeBlob(rows, features) },
    ...(outcomes ? [{ part: 'outcomes' as const, ...encodeOutcomes(outcomes) }] : []),
  ];
  const rawBytes = encoded.reduce((sum, part) => sum + part.rawBytes, 0);
  const weight = Math.max(rows, Math.ceil(rawBytes / bytesPerWeight));
  const at = numbersOf(answers.get('at'), rows);
  const [minId, maxId] = idRange(answers.get('id'), rows);
  const isAnswered = answeredRows(answers, rows);
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
      outcomes: outcomes === undefined ? 0 : knownOutcomes(outcomes),
      weight,
      tier: tierOf(weight),
      bytes: encoded.reduce((sum, { bytes }) => sum + bytes.length, 0),
      revision: 0,
      claimed_until: 0,
    },
    parts: encoded.map(({ part, bytes }) => ({ part, bytes })),
  };
}

export function tierOf(weight: number): number {
  return weight >= fullWeight ? fullTier : Math.ceil(Math.log(weight) / Math.log(tierFactor) - 1e-9);
}

export function encodeOutcomes(outcomes: LogColumn): { bytes: Buffer; rawBytes: number } {
  return encodeBlob(rowsOf(outcomes), [['actual', outcomes]]);
}

export function knownOutcomes(outcomes: LogColumn): number {
  let known = 0;
  for (let row = 0; row < rowsOf(outcomes); row++) if (valueAt(outcomes, row) !== null) known++;
  return known;
}

function idRange(ids: LogColumn | undefined, rows: number): [string, string] {
  if (ids === undefined || rows === 0) return ['', ''];
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

/** @returns the revisions of those that were there, by segment id. */
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

/** The parts of a segment that are there, still packed. None: it was merged into another meanwhile, or has expired. */
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
  // libsql gives an ArrayBuffer.
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
