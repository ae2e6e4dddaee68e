import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Database } from '../storage/database.ts';
import { forgetExpiredIds } from './caller_ids.ts';
import { deleteSegments } from './segment_store.ts';

/** How long and how much of the prediction log is kept. The totals that health shows are kept for ever. */
export interface Retention {
  /** Rows older than this are deleted, milliseconds; undefined: no limit. */
  maxAgeMs: number | undefined;
  /** When the stored log is larger, its oldest rows are deleted, bytes; undefined: no limit. */
  maxBytes: number | undefined;
}

/** How often the limits are applied, by whichever process comes first, milliseconds. */
const intervalMs = 60_000;
/**
 * Segments and bytes that one transaction deletes: a few milliseconds, since it may run on the thread that answers
 * calls.
 */
const stepSegments = 50;
const stepBytes = 2_000_000;

/**
 * Deletes whole segments beyond the limits: those whose newest row is too old, and, while the log is too large, the
 * one whose newest row is oldest. At most once a minute over all processes.
 *
 * @returns how many segments were deleted
 */
export async function applyRetention(
  database: Database,
  { maxAgeMs, maxBytes }: Retention,
  now: number,
): Promise<number> {
  const { numUpdatedRows } = await database
    .updateTable('log_tasks')
    .set({ next_at: now + intervalMs })
    .where('task', '=', 'retention')
    .where('next_at', '<=', now)
    .executeTakeFirst();
  if (numUpdatedRows === 0n) return 0;
  let deleted = 0;
  if (maxAgeMs !== undefined) {
    deleted += await deleteOldest(database, now - maxAgeMs, Number.POSITIVE_INFINITY);
    await database
      .deleteFrom('serving_minutes')
      .where('minute', '<', now - maxAgeMs)
      .execute();
  }
  if (maxBytes !== undefined) {
    const { stored } = await database
      .selectFrom('prediction_segments')
      .select((eb) => eb.fn.sum<number | null>('bytes').as('stored'))
      .executeTakeFirstOrThrow();
    deleted += await deleteOldest(database, undefined, Number(stored ?? 0) - maxBytes);
  }
  await forgetExpiredIds(database, now);
  return deleted;
}

/** Deletes segments that end before `before`, oldest first, until `excessBytes` are gone. */
async function deleteOldest(
  database: Database,
  before: number | undefined,
  excessBytes: number,
): Promise<number> {
  let deleted = 0;
  let left = excessBytes;
  while (left > 0) {
    let oldest = database.selectFrom('prediction_segments').select(['segment_id', 'bytes']);
    if (before !== undefined) oldest = oldest.where('max_at', '<', before);
    const found = await oldest.orderBy('max_at').orderBy('segment_id').limit(stepSegments).execute();
    const chosen: string[] = [];
    let chosenBytes = 0;
    for (const { segment_id, bytes } of found) {
      if (chosenBytes >= Math.min(left, stepBytes)) break;
      chosenBytes += bytes;
      chosen.push(segment_id);
    }
    if (chosen.length === 0) break;
    left -= chosenBytes;
    await database.transaction().execute((transaction) => deleteSegments(transaction, chosen));
    deleted += chosen.length;
    await nextTurn();
  }
  return deleted;
}
