import type { Transaction } from 'kysely';
import type { Database } from '../storage/database.ts';
import type { Tables } from '../storage/schema.ts';

/** Keeps which number MLflow gave a version; a version that has one keeps it. */
export async function rememberVersion(
  transaction: Transaction<Tables> | Database,
  { modelId, version }: { modelId: string; version: string },
  { number, runId }: { number: number; runId: string },
  at: number,
): Promise<void> {
  await transaction
    .insertInto('mlflow_versions')
    .values({
      model_id: modelId,
      version,
      mlflow_version: number,
      run_id: runId,
      mapped_at: at,
    })
    .onConflict((conflict) => conflict.doNothing())
    .execute();
}
