import { randomUUID } from 'node:crypto';
import type { Logger } from '../../telemetry/logger.ts';
import { type AlertRound, holdLease, readRound, releaseLease, setFirstRound } from './alert_lease.ts';
import { type AlertMessage, alertMessageSchema, alertText } from './alert_message.ts';
import { type EvaluationDependencies, evaluateAlerts } from './evaluate_alerts.ts';
import { oneAtATime } from './one_at_a_time.ts';
import type { WebhookSettings } from './webhook.ts';
import { sendDue, type WebhookAttempt } from './webhook_queue.ts';

export interface AlertWatchDependencies extends EvaluationDependencies {
  random: () => number;
  webhook: WebhookSettings | undefined;
  /** Longest a webhook may take to answer, milliseconds. */
  webhookTimeLimitMs?: number | undefined;
}

/** This process's part in the watch: it evaluates when it is its turn, tells its client, and sends to its webhook. */
export interface AlertWatch {
  /** Looks once at what there is to do, and does it. Never throws. */
  tick(): Promise<void>;
  /** Hears of every event from now on, whichever process found it. */
  subscribe(listener: (message: AlertMessage) => void): void;
  /** Waits for what is being evaluated, then lets another process take its turn. */
  close(): Promise<void>;
}

/** How often a process looks whether there is something to do: within the interval it tells what others found. */
function tickMsOf(intervalMs: number): number {
  return Math.min(intervalMs, 5_000);
}

/** Looks at once every few seconds until it is closed. */
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
  /** When an evaluation failed: the next one is tried an interval later. */
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
      const parsed = alertMessageSchema.parse(JSON.parse(message));
      for (const listener of listeners) listener(parsed);
    }
  };

  const isDue = ({ nextAt }: AlertRound) => {
    const now = clock();
    if (Math.abs(now - failedAt) < intervalMs) return false;
    // One due in more than an interval was set by a process with a longer one, or before the clock was set back.
    return nextAt <= now || nextAt > now + intervalMs;
  };

  const evaluate = async ({ nextAt }: AlertRound) => {
    const now = clock();
    // What is known of a store that was never watched is a moment old: it has an interval's time.
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
    const { random, webhookTimeLimitMs: timeLimitMs } = dependencies;
    for (const attempt of await sendDue({ database, webhook, clock, random, timeLimitMs }))
      logAttempt(logger, attempt);
  };

  const warn = (what: string) => (error: unknown) => {
    if (!closed) logger.warn(what, { error });
  };
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

/** Warnings and worse reach standard error, as all log lines of their level. */
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
