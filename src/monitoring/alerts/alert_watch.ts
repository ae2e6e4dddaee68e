import { randomUUID } from 'node:crypto';
import { readStored } from '../../storage/stored_json.ts';
import type { Logger } from '../../telemetry/logger.ts';
import { type AlertRound, holdLease, readRound, releaseLease, setFirstRound } from './alert_lease.ts';
import { type AlertMessage, alertMessageSchema, alertText } from './alert_message.ts';
import { type EvaluationDependencies, evaluateAlerts } from './evaluate_alerts.ts';
import { oneAtATime } from './one_at_a_time.ts';
import { announceTarget, type WebhookSettings, webhookTarget } from './webhook.ts';
import { sendDue, type WebhookAttempt } from './webhook_queue.ts';

export interface AlertWatchDependencies extends EvaluationDependencies {
  random: () => number;
  webhook: WebhookSettings | undefined;
}

/**
 * This process's part in watching: it evaluates while it holds the lease, reports to its client, and sends to its
 * webhook.
 */
export interface AlertWatch {
  /** Does whatever is due once. Never throws. */
  tick(): Promise<void>;
  /** Calls the listener for every event from now on, whichever process evaluated. */
  subscribe(listener: (message: AlertMessage) => void): void;
  /** Waits for a running evaluation, then releases the lease. */
  close(): Promise<void>;
}

/** How often a process checks whether something is due; within an interval it reports what other processes found. */
function tickMsOf(intervalMs: number): number {
  return Math.min(intervalMs, 5_000);
}

/** Ticks every few seconds until it is closed. */
export function startAlertWatch(watch: AlertWatch, intervalMs: number): AlertWatch {
  const timer = setInterval(() => void watch.tick(), tickMsOf(intervalMs)).unref();
  return {
    ...watch,
    close() {
      clearInterval(timer);
      return watch.close();
    },
  };
}

/** @throws STORAGE_UNAVAILABLE */
export async function createAlertWatch(dependencies: AlertWatchDependencies): Promise<AlertWatch> {
  const { database, logger, clock, intervalMs, webhook } = dependencies;
  const holder = randomUUID();
  const leaseMs = 4 * tickMsOf(intervalMs);
  const listeners: ((message: AlertMessage) => void)[] = [];
  let told = (await readRound(database)).sequence;
  /** When an evaluation last failed; the next one is tried an interval later. */
  let failedAt = Number.NEGATIVE_INFINITY;
  let closed = false;

  const tellNew = async ({ sequence: last }: Pick<AlertRound, 'sequence'>) => {
    if (last <= told) return;
    const events = await database
      .selectFrom('alert_events')
      .select(['sequence', 'message'])
      .where('sequence', '>', told)
      .orderBy('sequence')
      .execute();
    for (const { sequence, message } of events) {
      told = sequence;
      try {
        const of = `the alert event ${sequence}`;
        const parsed = readStored(alertMessageSchema, message, {
          table: 'alert_events',
          column: 'message',
          of,
        });
        for (const listener of listeners) listener(parsed);
      } catch (error) {
        // Those after it are told all the same.
        logger.error('an alert could not be told to the client', { error });
      }
    }
  };

  const isDue = ({ nextAt }: AlertRound) => {
    const now = clock();
    if (Math.abs(now - failedAt) < intervalMs) return false;
    // A time more than an interval ahead was set by a process with a longer interval, or before the clock was set
    // back.
    return nextAt <= now || nextAt > now + intervalMs;
  };

  const evaluate = async ({ nextAt }: AlertRound) => {
    const now = clock();
    // In a store that was never watched the first evaluation is due an interval from now.
    if (nextAt === 0) return setFirstRound(database, now + intervalMs);
    try {
      const messages = await evaluateAlerts(dependencies, holder, nextAt);
      for (const message of messages) logMessage(logger, message);
    } catch (error) {
      failedAt = now;
      throw error;
    }
  };

  const send = async () => {
    if (webhook === undefined) return;
    for (const attempt of await sendDue({ database, webhook, clock, random: dependencies.random }))
      logAttempt(logger, attempt);
  };

  const warn = (what: string) => (error: unknown) => {
    if (!closed) logger.warn(what, { error });
  };
  // Before anything can change, or nobody would queue the first changes for a webhook that is new.
  if (webhook !== undefined)
    await announceTarget(database, webhookTarget(webhook.url), clock()).catch(
      warn('the webhook could not be announced yet'),
    );
  const evaluating = oneAtATime(evaluate, warn('alerts could not be evaluated'));
  const telling = oneAtATime(tellNew, warn('alerts could not be told to the client'));
  const sending = oneAtATime(send, warn('alerts could not be sent to the webhook'));
  const looking = oneAtATime(async () => {
    const round = await readRound(database);
    return { round, isHeld: await holdLease(database, round, holder, clock(), leaseMs) };
  }, warn('the watch for alerts waits for the database'));

  return {
    async tick() {
      const looked = closed ? undefined : await looking.run();
      if (looked === undefined || closed) return;
      if (looked.isHeld && isDue(looked.round)) await evaluating.run(looked.round);
      const now = await looking.run();
      if (now === undefined || closed) return;
      await telling.run(now.round);
      await sending.run();
    },
    subscribe(listener) {
      listeners.push(listener);
    },
    async close() {
      closed = true;
      await evaluating.running();
      await releaseLease(database, holder).catch(() => undefined);
    },
  };
}

/** Warnings and errors reach standard error, like all log lines of their level. */
function logMessage(logger: Logger, message: AlertMessage): void {
  const { alert_id, model_id, version, severity, event, cause } = message;
  const fields = { alert_id, model_id, version, severity, event, cause };
  const text = `alert ${alertText(message)}`;
  if (event === 'resolved' || severity === 'info') logger.info(text, fields);
  else if (severity === 'warning') logger.warn(text, fields);
  else logger.error(text, fields);
}

function logAttempt(logger: Logger, { deliveryId, attempt, failure, givenUp }: WebhookAttempt): void {
  const fields = { delivery_id: deliveryId, attempt, failure };
  if (givenUp) logger.error('an alert could not be sent to the webhook for a day and is given up', fields);
  else if (failure !== undefined) logger.warn('an alert could not be sent to the webhook yet', fields);
  else logger.debug('an alert was sent to the webhook', fields);
}
