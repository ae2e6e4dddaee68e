import type { Database } from '../../storage/database.ts';
import {
  announceTarget,
  postWebhook,
  type WebhookSettings,
  webhookTarget,
  webhookTimeLimitMs,
} from './webhook.ts';

export interface WebhookQueueDependencies {
  database: Database;
  webhook: WebhookSettings;
  clock: () => number;
  random: () => number;
  timeLimitMs?: number | undefined;
}

/** What an attempt came to. */
export interface WebhookAttempt {
  deliveryId: string;
  attempt: number;
  /** undefined: it was taken. */
  failure: string | undefined;
  givenUp: boolean;
}

/** Longer than a receiver may take: an attempt that is under way is not made a second time. */
const firstPauseMs = 30_000;
const longestPauseMs = 3_600_000;
const givenUpAfterMs = 24 * 3_600_000;
/** Messages of one round. */
const batch = 20;

/** Twice as long after every failure, up to an hour, between half and all of it by chance. */
export function retryPauseMs(attempt: number, random: number): number {
  const pause = Math.min(longestPauseMs, firstPauseMs * 2 ** (attempt - 1));
  return pause * (0.5 + random / 2);
}

/**
 * Sends what is due for this process's webhook. Every message is claimed by raising its number of attempts, so of
 * several processes one sends it; one whose process dies on the way is due again after a while. Messages about the same
 * alert are sent in their order.
 */
export async function sendDue({
  database,
  webhook,
  clock,
  random,
  timeLimitMs = webhookTimeLimitMs,
}: WebhookQueueDependencies): Promise<WebhookAttempt[]> {
  const target = webhookTarget(webhook.url);
  const now = clock();
  await announceTarget(database, target, now);
  const waiting = await database
    .selectFrom('webhook_deliveries')
    .select(['delivery_id', 'alert_id', 'queued_at', 'attempts', 'next_attempt_at'])
    .where('target', '=', target)
    .where('given_up_at', 'is', null)
    .orderBy('sequence')
    .limit(50 * batch)
    .execute();
  const held = new Set<string>();
  const due = waiting.filter(({ alert_id, next_attempt_at }) => {
    const isFirst = !held.has(alert_id);
    held.add(alert_id);
    return isFirst && next_attempt_at <= now;
  });
  const made: WebhookAttempt[] = [];
  for (const delivery of due.slice(0, batch)) {
    const at = clock();
    const attempt = delivery.attempts + 1;
    const claimed = await database
      .updateTable('webhook_deliveries')
      .set({ attempts: attempt, next_attempt_at: Math.round(at + retryPauseMs(attempt, random())) })
      .where('delivery_id', '=', delivery.delivery_id)
      .where('attempts', '=', delivery.attempts)
      .where('given_up_at', 'is', null)
      .returning('body')
      .executeTakeFirst();
    if (claimed === undefined) continue;
    const message = { deliveryId: delivery.delivery_id, body: claimed.body };
    const failure = await postWebhook(webhook, message, at, timeLimitMs);
    const givenUp = failure !== undefined && at - delivery.queued_at >= givenUpAfterMs;
    await settle(database, delivery.delivery_id, failure, givenUp ? at : null);
    made.push({ deliveryId: delivery.delivery_id, attempt, failure, givenUp });
  }
  return made;
}

async function settle(
  database: Database,
  deliveryId: string,
  failure: string | undefined,
  givenUpAt: number | null,
): Promise<void> {
  if (failure === undefined)
    await database.deleteFrom('webhook_deliveries').where('delivery_id', '=', deliveryId).execute();
  else
    await database
      .updateTable('webhook_deliveries')
      .set({ last_error: failure, given_up_at: givenUpAt })
      .where('delivery_id', '=', deliveryId)
      .execute();
}
