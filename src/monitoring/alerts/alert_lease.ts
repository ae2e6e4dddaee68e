import type { Transaction } from 'kysely';
import type { Database } from '../../storage/database.ts';
import type { Tables } from '../../storage/schema.ts';

/** Which process evaluates, and when the next evaluation is due. */
export interface AlertRound {
  holder: string | null;
  expiresAt: number;
  /** 0: no evaluation was ever due. */
  nextAt: number;
  /** The number of the last event. */
  sequence: number;
}

/** Longer than any lease: one that ends later was taken before the clock was set back, milliseconds. */
const longestLeaseMs = 120_000;

export async function readRound(database: Database): Promise<AlertRound> {
  const row = await database.selectFrom('alert_rounds').selectAll().executeTakeFirstOrThrow();
  return { holder: row.holder, expiresAt: row.expires_at, nextAt: row.next_at, sequence: row.sequence };
}

/**
 * Keeps the lease, or takes it when its holder let it expire; of several that try at once one succeeds.
 *
 * @returns whether `holder` has it now
 */
export async function holdLease(
  database: Database,
  round: AlertRound,
  holder: string,
  now: number,
  leaseMs: number,
): Promise<boolean> {
  const isOver = round.expiresAt <= now || round.expiresAt > now + longestLeaseMs;
  if (!isOver && round.holder !== holder) return false;
  // Renewed only in its second half: reading it is cheap, writing is not.
  if (!isOver && round.expiresAt - now > leaseMs / 2) return true;
  const { numUpdatedRows } = await database
    .updateTable('alert_rounds')
    .set({ holder, expires_at: now + leaseMs })
    .where('expires_at', '=', round.expiresAt)
    .where((eb) => (round.holder === null ? eb('holder', 'is', null) : eb('holder', '=', round.holder)))
    .executeTakeFirst();
  return numUpdatedRows === 1n;
}

/** Releases the lease, so that another process can take it. */
export async function releaseLease(database: Database, holder: string): Promise<void> {
  await database.updateTable('alert_rounds').set({ expires_at: 0 }).where('holder', '=', holder).execute();
}

/**
 * Sets when the next evaluation is due, before and in the same transaction as the results of this one.
 *
 * @param dueAt when this evaluation was due
 * @returns false when another process took the lease or evaluated meanwhile: then nothing may be written
 */
export async function finishRound(
  transaction: Transaction<Tables>,
  holder: string,
  dueAt: number,
  nextAt: number,
): Promise<boolean> {
  const { numUpdatedRows } = await transaction
    .updateTable('alert_rounds')
    .set({ next_at: nextAt })
    .where('holder', '=', holder)
    .where('next_at', '=', dueAt)
    .executeTakeFirst();
  return numUpdatedRows === 1n;
}

/** Sets when the very first evaluation of a store is due. */
export async function setFirstRound(database: Database, nextAt: number): Promise<void> {
  await database.updateTable('alert_rounds').set({ next_at: nextAt }).where('next_at', '=', 0).execute();
}
