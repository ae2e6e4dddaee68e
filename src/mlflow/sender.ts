import { randomUUID } from 'node:crypto';
import { ModelYardError, messageOf } from '../errors.ts';
import type { ArtifactStore } from '../storage/artifact_store.ts';
import type { Database } from '../storage/database.ts';
import type { MlflowSyncRow } from '../storage/schema.ts';
import type { Logger } from '../telemetry/logger.ts';
import { parseMemory } from './agreement.ts';
import type { Connection } from './connection.ts';
import { MlflowError } from './mlflow_error.ts';
import { keepMemory, nextModel, recordFailure, recordSynced, scanTrail } from './outbox.ts';
import { pushModel } from './push_model.ts';
import { restOf } from './rest.ts';
import { leaseMs, releaseLease, takeLease } from './sender_lease.ts';
import { readSender } from './sender_row.ts';
import type { Tracking } from './tracking.ts';

export interface SenderOptions {
  database: Database;
  artifacts: ArtifactStore;
  connection: Connection;
  logger: Logger;
  clock: () => number;
  random: () => number;
  experimentName: string;
  /** Whether the registry is sent. */
  registry: boolean;
  useStages: boolean;
  timeoutMs: number;
  /** Sent after the registry, while this process has the lease. */
  tracking: Tracking | undefined;
}

export interface Sender {
  /** Sends what waits, if nobody else does. Never throws. */
  round(): Promise<void>;
  /** Gives up what is under way and sends nothing more. */
  close(): Promise<void>;
}

/** How often a process looks whether there is something to send, milliseconds. */
const lookMs = 1000;

/** Refusals in a row after which a model waits for its next change, or for a person. */
const maxRefusals = 5;

/** Sends the outbox in the background, look by look. */
export function startSender(options: SenderOptions): Sender {
  const holder = randomUUID();
  const stop = new AbortController();
  let running: Promise<void> | undefined;
  const round = () => {
    running ??= sendRound(options, holder, stop.signal)
      .catch((error: unknown) => {
        if (!stop.signal.aborted) options.logger.warn('the outbox to MLflow could not be sent', { error });
      })
      .finally(() => {
        running = undefined;
      });
    return running;
  };
  const timer = setInterval(() => {
    if (!stop.signal.aborted) void round();
  }, lookMs).unref();
  void round();
  return {
    round,
    async close() {
      clearInterval(timer);
      stop.abort();
      await running;
    },
  };
}

/** One look, and all the sending that it leads to. */
async function sendRound(options: SenderOptions, holder: string, stopped: AbortSignal): Promise<void> {
  const { database, clock } = options;
  if (stopped.aborted || !(await isWorkDue(options))) return;
  if (!(await takeLease(database, holder, clock()))) return;
  const lost = new AbortController();
  const renewal = setInterval(() => {
    takeLease(database, holder, clock())
      .then((held) => {
        if (!held) lost.abort();
      })
      // A database that is away for a moment: the lease lasts a few renewals.
      .catch(() => undefined);
  }, leaseMs / 4).unref();
  const signal = AbortSignal.any([stopped, lost.signal]);
  try {
    if (options.registry) {
      await scanTrail(database);
      await sendModels(options, signal);
    }
    if (options.tracking !== undefined && !signal.aborted)
      await trackOrWait(options, options.tracking, signal);
  } finally {
    clearInterval(renewal);
    await releaseLease(database, holder);
  }
}

/** Two small reads: a process with nothing to send writes nothing. */
async function isWorkDue({ database, registry, tracking, clock }: SenderOptions): Promise<boolean> {
  const sender = await readSender(database);
  const now = clock();
  if (sender.next_attempt_at > now) return false;
  if ((await tracking?.isDue()) === true) return true;
  if (!registry) return false;
  const head = await database.selectFrom('audit_head').select('sequence').executeTakeFirstOrThrow();
  return head.sequence > sender.scanned_sequence || (await nextModel(database, now)) !== undefined;
}

async function sendModels(options: SenderOptions, signal: AbortSignal): Promise<void> {
  const { database, clock } = options;
  const { store_id } = await readSender(database);
  for (;;) {
    const row = signal.aborted ? undefined : await nextModel(database, clock());
    if (row === undefined) return;
    if (!(await sendModel(options, store_id, row, signal))) return;
    // What was changed meanwhile is sent in this round too.
    await scanTrail(database);
  }
}

/** @returns whether it makes sense to go on with other models now */
async function sendModel(
  options: SenderOptions,
  storeId: string,
  row: MlflowSyncRow,
  signal: AbortSignal,
): Promise<boolean> {
  const { database, connection, artifacts, clock, timeoutMs } = options;
  const settled = row.check_at === null || row.check_at <= clock();
  try {
    const { problems, memory } = await pushModel(
      { ...options, rest: restOf(connection, signal), connection, artifacts, storeId, signal },
      {
        modelId: row.model_id,
        restore: row.restore === 1,
        settled,
        recheck: row.check_at !== null,
        memory: parseMemory(row.model_id, row.memory),
        remember: (now) => keepMemory(database, row.model_id, now),
      },
    );
    const checkAt = settled ? null : row.check_at;
    await recordSynced(database, row, { problems, memory, checkAt }, clock());
    await recordContact(options);
    return true;
  } catch (error) {
    if (signal.aborted || !(error instanceof ModelYardError)) throw error;
    const failure = failureOf(error);
    const refused = failure === 'refused';
    const refusals = refused ? row.attempts + 1 : row.attempts;
    const dead = refused && refusals >= maxRefusals;
    // A call that was given up may still be carried out: when it no longer can be, look again.
    const doubtful = error instanceof MlflowError && error.doubtful;
    // Where it may be the model that MLflow stumbles over, this puts the others first.
    const nextAttemptAt =
      failure === 'unreachable' ? row.next_attempt_at : clock() + pauseMs(row.attempts, options.random);
    await recordFailure(database, row, {
      message: error.message,
      attempts: refusals,
      nextAttemptAt,
      dead,
      checkAt: doubtful ? clock() + 2 * timeoutMs : settled ? null : row.check_at,
    });
    options.logger.info('a model could not be sent to MLflow', {
      model_id: row.model_id,
      why: error.message,
      dead,
    });
    if (refused || error.code === 'STORAGE_UNAVAILABLE') return true;
    // It is not the model: everything waits.
    await recordTrouble(options, error);
    return false;
  }
}

/** An artifact that cannot be reached is no more refused than one that MLflow does not answer about. */
function failureOf(error: ModelYardError): MlflowError['failure'] {
  if (error instanceof MlflowError) return error.failure;
  return error.code === 'STORAGE_UNAVAILABLE' ? 'fault' : 'refused';
}

async function trackOrWait(options: SenderOptions, tracking: Tracking, signal: AbortSignal): Promise<void> {
  const { database, clock } = options;
  const { next_attempt_at } = await readSender(database);
  // The registry met an outage a moment ago.
  if (next_attempt_at > clock() || !(await tracking.isDue())) return;
  try {
    await tracking.send(signal);
    await database
      .updateTable('mlflow_sender')
      .set({ tracking_attempts: 0, tracking_next_at: 0, tracking_error: null })
      .execute();
    await recordContact(options);
  } catch (error) {
    if (signal.aborted || !(error instanceof ModelYardError)) throw error;
    await recordTrackingTrouble(options, error);
  }
}

/** What MLflow refuses tracking alone (an experiment that is deleted or of others) keeps the registry from nothing. */
async function recordTrackingTrouble(options: SenderOptions, error: ModelYardError): Promise<void> {
  const { database, clock, random, logger, timeoutMs } = options;
  const { failure, doubtful } =
    error instanceof MlflowError ? error : { failure: 'refused' as const, doubtful: false };
  if (doubtful)
    await database
      .updateTable('mlflow_sender')
      .set({ tracking_check_at: clock() + 2 * timeoutMs })
      .execute();
  if (failure === 'unreachable' || failure === 'fault') return recordTrouble(options, error);
  const { tracking_attempts: attempts } = await readSender(database);
  if (attempts === 0)
    logger.warn('MLflow does not take what is tracked, which waits', { why: error.message });
  await database
    .updateTable('mlflow_sender')
    .set({
      tracking_attempts: attempts + 1,
      tracking_next_at: clock() + pauseMs(attempts, random),
      tracking_error: error.message,
    })
    .execute();
}

async function recordContact({ database, clock }: SenderOptions): Promise<void> {
  await database
    .updateTable('mlflow_sender')
    .set({ attempts: 0, next_attempt_at: 0, last_error: null, last_contact_at: clock() })
    .execute();
}

async function recordTrouble(
  { database, clock, random, logger }: SenderOptions,
  error: Error,
): Promise<void> {
  const { attempts } = await readSender(database);
  if (attempts === 0)
    logger.warn('MLflow does not play its part; what is to be sent waits', { why: messageOf(error) });
  await database
    .updateTable('mlflow_sender')
    .set({
      attempts: attempts + 1,
      next_attempt_at: clock() + pauseMs(attempts, random),
      last_error: error.message,
    })
    .execute();
}

const firstPauseMs = 500;
const longestPauseMs = 60_000;

/** The pause before the next attempt: doubles with every failure up to a minute, spread over its upper half. */
export function pauseMs(attempts: number, random: () => number): number {
  const whole = Math.min(firstPauseMs * 2 ** Math.min(attempts, 20), longestPauseMs);
  return Math.round(whole * (0.5 + random() / 2));
}
