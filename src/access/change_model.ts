import { sql, type Transaction } from 'kysely';
import type { Database } from '../storage/database.ts';
import type { Tables } from '../storage/schema.ts';
import { appendAudit } from './audit.ts';
import type { Origin } from './origin.ts';

/** What a change gives back, and what the audit trail is to say of the state before and after it. */
export interface Changed<T> {
  result: T;
  before: unknown;
  after: unknown;
  /** Nothing was different: there is nothing to tell the audit trail. */
  unchanged?: boolean;
}

export interface ChangeDependencies {
  database: Database;
  clock: () => number;
}

/**
 * Makes one change of a model: in one transaction, after all other changes of the model, with its entry in
 * the audit trail. All of it is kept or nothing.
 */
export function changeModel<T>(
  { database, clock }: ChangeDependencies,
  origin: Origin,
  subject: { modelId: string; version?: string | undefined },
  change: (transaction: Transaction<Tables>, at: number) => Promise<Changed<T>>,
): Promise<T> {
  return database.transaction().execute(async (transaction) => {
    const at = clock();
    await lockModel(transaction, subject.modelId);
    const { result, before, after, unchanged = false } = await change(transaction, at);
    const { modelId, version } = subject;
    if (!unchanged)
      await appendAudit(transaction, origin, { modelId, version, before, after, outcome: 'done' }, at);
    return result;
  });
}

/** Takes the model's row by raising its revision, so that changes of one model happen one after the other. */
async function lockModel(transaction: Transaction<Tables>, modelId: string): Promise<void> {
  await transaction
    .updateTable('models')
    .set({ revision: sql<number>`revision + 1` })
    .where('model_id', '=', modelId)
    .execute();
}
