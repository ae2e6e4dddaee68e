import { setImmediate as turn } from 'node:timers/promises';
import { uuidv7 } from 'uuidv7';
import type { VersionRecord } from '../../registry/version_record.ts';
import type { Database } from '../../storage/database.ts';
import type { NewReference } from './reference.ts';
import type { StoredColumn } from './stored_column.ts';

/**
 * Longest time between writing a reference's columns and the reference itself: older columns without one are left
 * over from a writer that died.
 */
const writingMs = 3_600_000;

/** Columns of one statement, and their bytes unless one column alone has more. */
const columnsAtOnce = 50;
const bytesAtOnce = 250_000;

/**
 * Writes the columns of a new reference, some dozens at a time: a commit for each would take longer than writing it,
 * and tens of megabytes at once would hold up everything else. Readers see the reference once {@link insertReference} has
 * stored it.
 *
 * @returns its id
 */
export async function writeReferenceColumns(
  database: Database,
  { features, predictions, kept }: NewReference,
  at: number,
): Promise<string> {
  await removeLeftBehind(database, at);
  const referenceId = uuidv7();
  for (const [part, columns] of [
    ['features', features],
    ['predictions', predictions],
  ] as const) {
    let position = 0;
    for (const some of inBatches(columns)) {
      const rows = some.map(({ bytes, ...column }) => ({
        reference_id: referenceId,
        part,
        position: position++,
        ...column,
        bytes: Buffer.from(bytes.buffer),
      }));
      await database.insertInto('reference_columns').values(rows).execute();
      // SQLite runs the statement synchronously, so other calls get their turn here.
      await turn();
    }
  }
  await database
    .insertInto('reference_rows')
    .values({
      reference_id: referenceId,
      row_count: kept.rows,
      outcomes: kept.outcomes,
      bytes: Buffer.from(kept.bytes.buffer, kept.bytes.byteOffset, kept.bytes.byteLength),
    })
    .execute();
  return referenceId;
}

function* inBatches(columns: readonly StoredColumn[]): Generator<StoredColumn[]> {
  let batch: StoredColumn[] = [];
  let size = 0;
  for (const column of columns) {
    const { length } = column.bytes;
    if (batch.length > 0 && (batch.length === columnsAtOnce || size + length > bytesAtOnce)) {
      yield batch;
      batch = [];
      size = 0;
    }
    batch.push(column);
    size += length;
  }
  if (batch.length > 0) yield batch;
}

/** Removes columns whose writer died before it stored the reference. Ids begin with their time. */
async function removeLeftBehind(database: Database, at: number): Promise<void> {
  const oldest = Math.max(0, at - writingMs)
    .toString(16)
    .padStart(12, '0');
  const before = `${oldest.slice(0, 8)}-${oldest.slice(8)}`;
  for (const table of ['reference_columns', 'reference_rows'] as const)
    await database
      .deleteFrom(table)
      .where('reference_id', '<', before)
      .where('reference_id', 'not in', database.selectFrom('references').select('reference_id'))
      .execute();
}

/**
 * Stores the reference whose columns were written as the version's newest, even where the clock has been set back
 * since the last one.
 */
export async function insertReference(
  database: Database,
  record: VersionRecord,
  given: { referenceId: string; rows: number; source: string },
  at: number,
  by: string,
): Promise<void> {
  const newest = await database
    .selectFrom('references')
    .select('created_at')
    .where('model_id', '=', record.modelId)
    .where('version', '=', record.version)
    .orderBy('created_at', 'desc')
    .limit(1)
    .executeTakeFirst();
  await database
    .insertInto('references')
    .values({
      reference_id: given.referenceId,
      model_id: record.modelId,
      version: record.version,
      created_at: newest === undefined ? at : Math.max(at, newest.created_at + 1),
      created_by: by,
      source: given.source,
      row_count: given.rows,
    })
    .execute();
}
