import { sql } from 'kysely';
import { z } from 'zod';
import { messageOf } from '../errors.ts';
import type { Database } from '../storage/database.ts';
import type { MlflowSyncRow } from '../storage/schema.ts';
import { readStored } from '../storage/stored_json.ts';
import { type Memory, memoryToText } from './agreement.ts';
import type { Problem } from './plan_sync.ts';
import { readSender } from './sender_row.ts';

/**
 * The outbox follows the audit trail: a change is in it when its transaction is, in order, and is written once.
 * mlflow_sync says of each model up to which entry MLflow agrees with the registry.
 */

const problems = z.array(z.object({ what: z.string(), why: z.string() }));

/** Takes over what the audit trail has since the last time: which models were changed. */
export async function scanTrail(database: Database): Promise<void> {
  await database.transaction().execute(async (transaction) => {
    const head = await transaction.selectFrom('audit_head').select('sequence').executeTakeFirstOrThrow();
    const sender = await readSender(transaction);
    const from = sender.scanned_sequence;
    if (from >= head.sequence) return;
    const changed = await transaction
      .selectFrom('audit_entries')
      .select((eb) => ['model_id', eb.fn.max<number>('sequence').as('sequence')])
      .where('sequence', '>', from)
      .where('sequence', '<=', head.sequence)
      .where('outcome', '=', 'done')
      .where('model_id', 'is not', null)
      .groupBy('model_id')
      .execute();
    // The first scan also includes what was registered before the trail began.
    const models = from < 0 ? await transaction.selectFrom('models').select('model_id').execute() : [];
    const wanted = new Map(models.map(({ model_id }) => [model_id, 0]));
    for (const { model_id, sequence } of changed) if (model_id !== null) wanted.set(model_id, sequence);
    for (const [modelId, sequence] of wanted)
      await transaction
        .insertInto('mlflow_sync')
        .values({ ...newRow, model_id: modelId, wanted_sequence: sequence })
        .onConflict((conflict) =>
          // The change may have corrected what MLflow refused.
          conflict
            .column('model_id')
            .doUpdateSet({ wanted_sequence: sequence, dead: 0, attempts: 0, next_attempt_at: 0 }),
        )
        .execute();
    await transaction.updateTable('mlflow_sender').set({ scanned_sequence: head.sequence }).execute();
  });
}

const newRow = {
  synced_sequence: -1,
  attempts: 0,
  next_attempt_at: 0,
  dead: 0,
  asked: 0,
  restore: 0,
  check_at: null,
  last_error: null,
  problems: '[]',
  memory: '[]',
  synced_at: null,
};

/** The next model to send: of those waiting without a recent failure, the one with the oldest change. */
export async function nextModel(database: Database, now: number): Promise<MlflowSyncRow | undefined> {
  return database
    .selectFrom('mlflow_sync')
    .selectAll()
    .where((eb) =>
      eb.or([
        eb.and([
          eb('wanted_sequence', '>', eb.ref('synced_sequence')),
          eb('dead', '=', 0),
          eb('next_attempt_at', '<=', now),
        ]),
        eb.and([eb('asked', '=', 1), eb('next_attempt_at', '<=', now)]),
        eb.and([eb('check_at', '<=', now), eb('next_attempt_at', '<=', now)]),
      ]),
    )
    .orderBy('next_attempt_at')
    .orderBy('wanted_sequence')
    .orderBy('model_id')
    .limit(1)
    .executeTakeFirst();
}

export async function keepMemory(database: Database, modelId: string, memory: Memory): Promise<void> {
  await database
    .updateTable('mlflow_sync')
    .set({ memory: memoryToText(memory) })
    .where('model_id', '=', modelId)
    .execute();
}

/** Records that MLflow agrees with the registry up to the entry that was current when the push began. */
export async function recordSynced(
  database: Database,
  row: MlflowSyncRow,
  outcome: { problems: Problem[]; memory: Memory; checkAt: number | null },
  at: number,
): Promise<void> {
  await database
    .updateTable('mlflow_sync')
    .set({
      synced_sequence: sql<number>`case when synced_sequence < ${row.wanted_sequence} then ${row.wanted_sequence} else synced_sequence end`,
      attempts: 0,
      next_attempt_at: 0,
      dead: 0,
      asked: 0,
      restore: 0,
      check_at: outcome.checkAt,
      last_error: null,
      problems: JSON.stringify(outcome.problems),
      memory: memoryToText(outcome.memory),
      synced_at: at,
    })
    .where('model_id', '=', row.model_id)
    .execute();
}

export async function recordFailure(
  database: Database,
  row: MlflowSyncRow,
  failure: {
    message: string;
    attempts: number;
    nextAttemptAt: number;
    dead: boolean;
    checkAt: number | null;
  },
): Promise<void> {
  await database
    .updateTable('mlflow_sync')
    .set({
      attempts: failure.attempts,
      next_attempt_at: failure.nextAttemptAt,
      ...(failure.dead && { dead: 1, asked: 0, check_at: null }),
      ...(!failure.dead && { check_at: failure.checkAt }),
      last_error: failure.message,
    })
    .where('model_id', '=', row.model_id)
    .execute();
}

/** Requests that everything (of one model, where given) is compared with MLflow again, including dead letters. */
export async function requestSync(database: Database, modelId: string | undefined): Promise<void> {
  let query = database.updateTable('mlflow_sync').set({
    dead: 0,
    attempts: 0,
    next_attempt_at: 0,
    asked: 1,
    ...(modelId !== undefined && { restore: 1 }),
  });
  if (modelId !== undefined) query = query.where('model_id', '=', modelId);
  await query.execute();
  await database.updateTable('mlflow_sender').set({ next_attempt_at: 0, tracking_next_at: 0 }).execute();
}

/** How much is still to be sent, and what cannot be sent. */
export interface OutboxState {
  /** Changes (entries of the audit trail) that MLflow does not know yet. */
  queued: number;
  /** Models still to be sent, without dead letters. */
  waiting: number;
  dead: number;
  /** Models that are checked once more, because a call about them was given up. */
  doubtful: number;
  failed: Problem[];
  /** Whether MLflow repeatedly refuses tracked runs and metrics. */
  isTrackingRefused: boolean;
  attempts: number;
  lastError: string | null;
  lastContactAt: number | null;
}

/** What MLflow did not take of a model; what is damaged of that is such a problem itself. */
function problemsOf({ model_id, problems: text }: MlflowSyncRow): Problem[] {
  try {
    const of = `the sync of ${model_id} with MLflow`;
    return readStored(problems, text, { table: 'mlflow_sync', column: 'problems', of });
  } catch (error) {
    return [{ what: model_id, why: messageOf(error) }];
  }
}

const maxFailed = 50;
/** Refusals in a row that count as repeated. */
const trackingRefusals = 3;

export async function readOutbox(database: Database, modelId?: string): Promise<OutboxState> {
  const sender = await readSender(database);
  let rows = database.selectFrom('mlflow_sync').selectAll().orderBy('model_id');
  if (modelId !== undefined) rows = rows.where('model_id', '=', modelId);
  const models = await rows.execute();
  let entries = database
    .selectFrom('audit_entries')
    .leftJoin('mlflow_sync', 'mlflow_sync.model_id', 'audit_entries.model_id')
    .select((eb) => eb.fn.countAll<number>().as('count'))
    .where('audit_entries.outcome', '=', 'done')
    .where('audit_entries.model_id', 'is not', null)
    .where((eb) =>
      eb.or([
        eb('mlflow_sync.synced_sequence', 'is', null),
        eb('audit_entries.sequence', '>', eb.ref('mlflow_sync.synced_sequence')),
      ]),
    );
  if (modelId !== undefined) entries = entries.where('audit_entries.model_id', '=', modelId);
  const { count } = await entries.executeTakeFirstOrThrow();
  const untracked =
    modelId !== undefined || sender.tracking_error === null
      ? []
      : [{ what: 'deployments (MLFLOW_EXPERIMENT_NAME)', why: sender.tracking_error }];
  const failed = models.flatMap((row) => [
    ...(row.last_error === null ? [] : [{ what: row.model_id, why: row.last_error }]),
    ...problemsOf(row),
  ]);
  return {
    queued: Number(count),
    waiting: models.filter(
      (row) => row.dead === 0 && (row.wanted_sequence > row.synced_sequence || row.asked === 1),
    ).length,
    dead: models.filter((row) => row.dead === 1).length,
    doubtful: models.filter((row) => row.check_at !== null).length,
    failed: [...untracked, ...failed].slice(0, maxFailed),
    isTrackingRefused: sender.tracking_attempts >= trackingRefusals,
    attempts: sender.attempts,
    lastError: sender.last_error,
    lastContactAt: sender.last_contact_at,
  };
}
