import { setImmediate as turn } from 'node:timers/promises';
import { ModelYardError } from '../../errors.ts';
import { segmentGone } from '../../prediction_log/changing.ts';
import { columnOf, valueAt } from '../../prediction_log/column.ts';
import { openBlob } from '../../prediction_log/column_blob.ts';
import type { LocatedRows } from '../../prediction_log/locate.ts';
import { shadowRows } from '../../prediction_log/segment.ts';
import { countOutcomesOf, encodeOutcomes, readPartBytes } from '../../prediction_log/segment_store.ts';
import type { Database } from '../../storage/database.ts';
import { requireWanted, wantedTransaction } from '../../storage/wanted.ts';

/** What became of the outcomes of one segment's rows. */
interface WrittenOutcomes {
  /** Recorded, those included that replaced another. */
  matched: number;
  replaced: number;
  alreadySet: number;
  /** Given as null. */
  empty: number;
}

/** What is written of a segment, and what becomes of it by that. */
interface Change {
  counts: WrittenOutcomes;
  bytes: Buffer;
  columns: ReturnType<typeof countOutcomesOf> & { addedBytes: number };
}

/**
 * Writes outcomes to the rows that were found in one segment. Where others write to it at the same time, whoever comes
 * second waits for the segment's row and then adds to what is there.
 * @param actuals by prediction id, as the version answers them; null: none
 * @throws segmentGone when the segment was merged into another since it was read, CANCELLED
 */
export async function writeOutcomes(
  database: Database,
  located: LocatedRows,
  actuals: ReadonlyMap<string, unknown>,
  now: number,
  signal: AbortSignal | undefined,
): Promise<WrittenOutcomes> {
  requireWanted(signal);
  const change = await changeOf(database, located, actuals);
  if (change.counts.matched === 0) return change.counts;
  await turn();
  return wantedTransaction(database, signal, async (transaction) => {
    if (await write(transaction, located.segmentId, change, now, located.revision)) return change.counts;
    // From here on the row is this transaction's: what others wrote meanwhile is there, and nobody writes more.
    const held = await transaction
      .updateTable('prediction_segments')
      .set((eb) => ({ revision: eb('revision', '+', 0) }))
      .where('segment_id', '=', located.segmentId)
      .returning('revision')
      .executeTakeFirst();
    if (held === undefined) throw segmentGone;
    const again = await changeOf(transaction, located, actuals);
    if (again.counts.matched > 0) await write(transaction, located.segmentId, again, now, held.revision);
    return again.counts;
  });
}

/** The segment's outcomes with those that are given. @throws segmentGone */
async function changeOf(
  database: Database,
  { segmentId, rows, found, hasShadows }: LocatedRows,
  actuals: ReadonlyMap<string, unknown>,
): Promise<Change> {
  const parts = await readPartBytes(database, segmentId, hasShadows ? ['answers', 'outcomes'] : ['outcomes']);
  const [answers, before] = [parts.get('answers'), parts.get('outcomes')];
  if (hasShadows && answers === undefined) throw segmentGone;
  const column = before && openBlob(before).read().get('actual');
  const values = Array.from({ length: rows }, (_, row) =>
    column === undefined ? null : valueAt(column, row),
  );
  const counts = { matched: 0, replaced: 0, alreadySet: 0, empty: 0 };
  for (const { predictionId, row } of found) {
    const actual = actuals.get(predictionId) ?? null;
    const known = values[row];
    if (actual === null) counts.empty++;
    else if (isSame(known, actual)) counts.alreadySet++;
    else {
      counts.matched++;
      if (known !== null) counts.replaced++;
      values[row] = actual;
    }
  }
  await turn();
  const outcomes = columnOf(values);
  const { bytes } = encodeOutcomes(outcomes);
  const isShadow = shadowRows(answers === undefined ? new Map() : openBlob(answers).read(new Set(['route'])));
  return {
    counts,
    bytes,
    columns: { ...countOutcomesOf(outcomes, isShadow), addedBytes: bytes.length - (before?.length ?? 0) },
  };
}

/** @returns false where the segment has another revision, or is gone */
async function write(
  transaction: Database,
  segmentId: string,
  { bytes, columns: { addedBytes, ...counted } }: Change,
  now: number,
  revision: number,
): Promise<boolean> {
  const { numUpdatedRows } = await transaction
    .updateTable('prediction_segments')
    .set((eb) => ({
      revision: revision + 1,
      ...counted,
      outcomes_at: now,
      bytes: eb('bytes', '+', addedBytes),
    }))
    .where('segment_id', '=', segmentId)
    .where('revision', '=', revision)
    .executeTakeFirst();
  if (numUpdatedRows === 0n) return false;
  await transaction
    .insertInto('prediction_segment_parts')
    .values({ segment_id: segmentId, part: 'outcomes', bytes })
    .onConflict((conflict) => conflict.columns(['segment_id', 'part']).doUpdateSet({ bytes }))
    .execute();
  return true;
}

/** For whoever goes on where writing was cancelled. */
export function nothingIfCancelled(error: unknown): undefined {
  if (!(error instanceof ModelYardError) || error.code !== 'CANCELLED') throw error;
}

/** As JSON; most are texts or numbers, which need no text made of them. */
function isSame(one: unknown, other: unknown): boolean {
  return one === other || (typeof one === 'object' && JSON.stringify(one) === JSON.stringify(other));
}
