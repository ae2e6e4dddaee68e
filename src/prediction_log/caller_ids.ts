import type { Kysely, Transaction } from 'kysely';
import {
  type CallerIds,
  type ClaimedRow,
  type KnownIds,
  usedBefore,
  usedForOthers,
} from '../serving/caller_ids.ts';
import type { PredictionEntry } from '../serving/prediction_sink.ts';
import type { Database } from '../storage/database.ts';
import type { Tables } from '../storage/schema.ts';
import { locatePredictions } from './locate.ts';

/*
 * Prediction ids that callers brought. An id belongs to the first content that it is used for. It is claimed here before
 * anything is answered, so that only one of two processes gets it, and it is marked as logged when its row is moved to
 * the log, so that a row that was written to the journals twice is logged once.
 */

/** Thrown when another move logged an id after this one checked it. */
export const loggedByAnother = new Error('an id was logged by another');

/** Rows that one statement selects or inserts. */
const rowsAtOnce = 1000;

/**
 * Claims ids for their content and a version: all of them, or none when one was used for other content.
 *
 * @param flushLog moves every answered prediction into the database
 * @returns those that were claimed before for the same content, which keep the version they had
 * @throws INVALID_INPUT naming the first ids that were used for other content
 */
async function claimIds(
  { database, flushLog }: { database: Database; flushLog: () => Promise<unknown> },
  { modelId, version, at }: { modelId: string; version: string; at: number },
  rows: readonly ClaimedRow[],
): Promise<KnownIds> {
  await refuseOwnIds(database, flushLog, modelId, rows);
  // In one order, so that two transactions cannot deadlock.
  const sorted = rows.toSorted((a, b) => (a.predictionId < b.predictionId ? -1 : 1));
  return database.transaction().execute(async (transaction) => {
    const claimed = new Set<string>();
    for (const some of slices(sorted)) {
      const inserted = await transaction
        .insertInto('caller_ids')
        .values(
          some.map(({ predictionId, digest }) => ({
            model_id: modelId,
            prediction_id: predictionId,
            digest,
            version,
            at,
            logged: 0,
          })),
        )
        .onConflict((conflict) => conflict.columns(['model_id', 'prediction_id']).doNothing())
        .returning('prediction_id')
        .execute();
      for (const { prediction_id } of inserted) claimed.add(prediction_id);
    }
    const old = rows.filter(({ predictionId }) => !claimed.has(predictionId));
    const known = await knownIds(
      transaction,
      modelId,
      old.map(({ predictionId }) => predictionId),
    );
    const used = usedForOthers(old, known);
    // Throwing rolls the claims back.
    if (used.length > 0) throw usedBefore(modelId, used);
    return known;
  });
}

async function knownIds(
  database: Kysely<Tables>,
  modelId: string,
  predictionIds: readonly string[],
): Promise<KnownIds> {
  const known = new Map<string, { digest: string; version: string; logged: boolean }>();
  for (const some of slices(predictionIds)) {
    const found = await database
      .selectFrom('caller_ids')
      .select(['prediction_id', 'digest', 'version', 'logged'])
      .where('model_id', '=', modelId)
      .where('prediction_id', 'in', some)
      .execute();
    for (const { prediction_id, digest, version, logged } of found)
      known.set(prediction_id, { digest, version, logged: logged === 1 });
  }
  return known;
}

/** Releases claims for which nothing was logged, after a failure. */
async function releaseIds(
  database: Database,
  modelId: string,
  predictionIds: readonly string[],
): Promise<void> {
  for (const some of slices(predictionIds))
    await database
      .deleteFrom('caller_ids')
      .where('model_id', '=', modelId)
      .where('logged', '=', 0)
      .where('prediction_id', 'in', some)
      .execute();
}

/**
 * Stores in the database what callers' ids were used for.
 *
 * @param flushLog moves every answered prediction there
 */
export function callerIds(database: Database, flushLog: () => Promise<unknown>): CallerIds {
  return {
    claim: (of, rows) =>
      rows.length === 0 ? Promise.resolve(new Map()) : claimIds({ database, flushLog }, of, rows),
    known: (modelId, ids) => knownIds(database, modelId, ids),
    release: (modelId, ids) => releaseIds(database, modelId, ids),
  };
}

const serverIdPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** Refuses ids that the server itself gave to predictions. */
async function refuseOwnIds(
  database: Database,
  flushLog: () => Promise<unknown>,
  modelId: string,
  rows: readonly ClaimedRow[],
): Promise<void> {
  const possible = rows.flatMap(({ predictionId }) =>
    serverIdPattern.test(predictionId) ? [predictionId] : [],
  );
  if (possible.length === 0) return;
  const known = await knownIds(database, modelId, possible);
  const unknown = possible.filter((id) => !known.has(id));
  if (unknown.length === 0) return;
  await flushLog();
  const located = await locatePredictions(database, modelId, unknown);
  const used = located.flatMap(({ found }) => found.map(({ predictionId }) => predictionId));
  if (used.length > 0) throw usedBefore(modelId, used);
}

/** The entries without rows of callers' ids that are logged already or occur earlier among the entries. */
export async function withoutLogged(
  database: Database,
  entries: readonly PredictionEntry[],
): Promise<PredictionEntry[]> {
  const logged = new Map<string, Set<string>>();
  for (const [modelId, ids] of idsByModel(entries)) {
    const own = new Set<string>();
    for (const some of slices([...new Set(ids.map(({ predictionId }) => predictionId))])) {
      const found = await database
        .selectFrom('caller_ids')
        .select('prediction_id')
        .where('model_id', '=', modelId)
        .where('logged', '=', 1)
        .where('prediction_id', 'in', some)
        .execute();
      for (const { prediction_id } of found) own.add(prediction_id);
    }
    logged.set(modelId, own);
  }
  return entries.flatMap((entry) => {
    if (entry.digests === undefined) return [entry];
    const own = logged.get(entry.modelId) ?? new Set();
    const rows = entry.predictionIds.flatMap((id, row) => {
      if (own.has(id)) return [];
      own.add(id);
      return [row];
    });
    if (rows.length === entry.predictionIds.length) return [entry];
    return rows.length === 0 ? [] : [rowsOf(entry, rows)];
  });
}

/**
 * Marks the callers' ids of the entries as logged, in the transaction that logs them.
 * @throws loggedByAnother when another move logged one of them first
 */
export async function markLogged(
  transaction: Transaction<Tables>,
  entries: readonly PredictionEntry[],
): Promise<void> {
  for (const [modelId, ids] of [...idsByModel(entries)].sort(([a], [b]) => (a < b ? -1 : 1)))
    for (const some of slices(ids.toSorted((a, b) => (a.predictionId < b.predictionId ? -1 : 1)))) {
      const marked = await transaction
        .insertInto('caller_ids')
        .values(
          some.map(({ predictionId, digest, version, at }) => ({
            model_id: modelId,
            prediction_id: predictionId,
            digest,
            version,
            at,
            logged: 1,
          })),
        )
        .onConflict((conflict) =>
          conflict
            .columns(['model_id', 'prediction_id'])
            .doUpdateSet((eb) => ({ logged: 1, at: eb.ref('excluded.at') }))
            .where('caller_ids.logged', '=', 0),
        )
        .returning('prediction_id')
        .execute();
      if (marked.length < some.length) throw loggedByAnother;
    }
}

/** Removes the ids of rows that are older than everything left in the log. */
export async function forgetExpiredIds(database: Database, now: number): Promise<void> {
  const { oldest } = await database
    .selectFrom('prediction_segments')
    .select((eb) => eb.fn.min<number | null>('min_at').as('oldest'))
    .executeTakeFirstOrThrow();
  await database
    .deleteFrom('caller_ids')
    .where('at', '<', oldest === null ? now - dayMs : Math.min(Number(oldest), now - dayMs))
    .execute();
}

const dayMs = 86_400_000;

interface LoggedId extends ClaimedRow {
  version: string;
  at: number;
}

function idsByModel(entries: readonly PredictionEntry[]): Map<string, LoggedId[]> {
  const models = new Map<string, LoggedId[]>();
  for (const { modelId, version, at, digests, predictionIds } of entries) {
    if (digests === undefined) continue;
    const ids = models.get(modelId) ?? [];
    models.set(modelId, ids);
    predictionIds.forEach((predictionId, row) => {
      ids.push({ predictionId, digest: digests[row] ?? '', version, at });
    });
  }
  return models;
}

function rowsOf(entry: PredictionEntry, rows: readonly number[]): PredictionEntry {
  const kept = new Set(rows);
  const pick = <Value>(values: readonly Value[]): Value[] => values.filter((_, row) => kept.has(row));
  return {
    ...entry,
    predictionIds: pick(entry.predictionIds),
    entityKeys: entry.entityKeys && pick(entry.entityKeys),
    features: entry.features?.map(([name, values]): [string, unknown[]] => [name, pick(values)]) ?? null,
    values: pick(entry.values),
    probabilities: pick(entry.probabilities),
    outcomes: entry.outcomes && pick(entry.outcomes),
    digests: entry.digests && pick(entry.digests),
  };
}

function slices<Item>(items: readonly Item[]): Item[][] {
  const count = Math.ceil(items.length / rowsAtOnce);
  return Array.from({ length: count }, (_, index) =>
    items.slice(index * rowsAtOnce, (index + 1) * rowsAtOnce),
  );
}
