import { randomUUID } from 'node:crypto';
import type { Database } from '../storage/database.ts';
import type { MlflowSenderRow } from '../storage/schema.ts';

/** The row of who sends, which the first to ask for it makes: a store without MLflow has none. */
export async function readSender(database: Database): Promise<MlflowSenderRow> {
  const read = () => database.selectFrom('mlflow_sender').selectAll().executeTakeFirst();
  const found = await read();
  if (found !== undefined) return found;
  await database
    .insertInto('mlflow_sender')
    .values({
      id: 1,
      store_id: randomUUID(),
      holder: null,
      expires_at: 0,
      // Nothing was looked through yet, not even the models from before the audit trail.
      scanned_sequence: -1,
      tracked_sequence: -1,
      attempts: 0,
      next_attempt_at: 0,
      last_error: null,
      last_contact_at: null,
      tracking_attempts: 0,
      tracking_next_at: 0,
      tracking_error: null,
      tracking_check_at: null,
    })
    .onConflict((conflict) => conflict.doNothing())
    .execute();
  const made = await read();
  if (made === undefined) throw new Error('the row of the sender to MLflow vanished');
  return made;
}
