import type { Database } from '../storage/database.ts';

/** How long a sender that says nothing keeps its place. */
export const leaseMs = 15_000;

/**
 * Of all processes on the store one sends at a time. Everything it does may be done twice, so the lease saves work
 * and keeps the order; what is right does not hang on it.
 * @returns whether `holder` has the lease now
 */
export async function takeLease(database: Database, holder: string, now: number): Promise<boolean> {
  const { numUpdatedRows } = await database
    .updateTable('mlflow_sender')
    .set({ holder, expires_at: now + leaseMs })
    .where((eb) => eb.or([eb('holder', 'is', null), eb('holder', '=', holder), eb('expires_at', '<', now)]))
    .executeTakeFirst();
  return numUpdatedRows > 0n;
}

export async function releaseLease(database: Database, holder: string): Promise<void> {
  await database.updateTable('mlflow_sender').set({ holder: null }).where('holder', '=', holder).execute();
}
