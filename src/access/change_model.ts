import { sql, type Transaction } from 'kysely';
import type { Database } from '../storage/database.ts';
import type { Tables } from '../storage/schema.ts';
import { requireWanted, wantedTransaction } from '../storage/wanted.ts';
import { appendAudit } from './audit.ts';
import { readState, touchedVersions } from './guarded_state.ts';
import type { Origin } from './origin.ts';

/** The result of a change, and the state before and after it for the audit trail. */
export interface Changed<T> {
  result: T;
  before: unknown;
  after: unknown;
  /** Whether nothing changed, so that there is nothing to record. */
  unchanged?: boolean;
}

export interface ChangeDependencies {
  database: Database;
  clock: () => number;
  /** What answers a model's calls, where the change may be of concern to them. */
  served?: Follower | undefined;
}

/**
 * Who has to know what a model is after a change as soon as the change is kept, and can't ask then: the database may go
 * away in the same moment.
 */
export interface Follower {
  /** Looks at what is about to be kept. @returns what to call once it is */
  follow(transaction: Transaction<Tables>, modelId: string): Promise<() => void>;
}

/**
 * Makes one change of a model: in one transaction, after all other changes of the model, with its entry in
 * the audit trail. All of it is kept or nothing: nothing when the
 * call is cancelled before.
 * @throws CANCELLED
 */
export async function changeModel<T>(
  { database, clock, served }: ChangeDependencies,
  origin: Origin,
  subject: { modelId: string; version?: string | undefined },
  change: (transaction: Transaction<Tables>, at: number) => Promise<Changed<T>>,
): Promise<T> {
  let isKept: (() => void) | undefined;
  const done = await wantedTransaction(database, origin.signal, async (transaction) => {
    const at = clock();
    const revision = await lockModel(transaction, subject.modelId);
    const { result, before, after, unchanged = false } = await change(transaction, at);
    const { modelId, version } = subject;
    if (!unchanged) isKept = await served?.follow(transaction, modelId);
    // A cancelled change is rolled back up to this point.
    requireWanted(origin.signal);
    if (unchanged) return result;
    const touched = await touchedVersions(transaction, modelId, revision, at);
    const versions = [...new Set([...touched, ...(version === undefined ? [] : [version])])];
    const state = await readState(transaction, modelId, { versions, sinceRevision: revision });
    await appendAudit(transaction, origin, { modelId, version, before, after, state, outcome: 'done' }, at);
    return result;
  });
  isKept?.();
  return done;
}

/**
 * Locks the model's row by raising its revision, so that changes of one model happen one after another.
 *
 * @returns the revision; 0 for a model that this change creates
 */
async function lockModel(transaction: Transaction<Tables>, modelId: string): Promise<number> {
  await transaction
    .updateTable('models')
    .set({ revision: sql<number>`revision + 1` })
    .where('model_id', '=', modelId)
    .execute();
  const row = await transaction
    .selectFrom('models')
    .select('revision')
    .where('model_id', '=', modelId)
    .executeTakeFirst();
  return row?.revision ?? 0;
}
