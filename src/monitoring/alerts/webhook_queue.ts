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
}

/** The outcome of an attempt to send. */
export interface WebhookAttempt {
  deliveryId: string;
  attempt: number;
  /** undefined: it was delivered. */
  failure: string | undefined;
  givenUp: boolean;
}

/** Longer than the time limit of an attempt, so that a message is not sent again while its attempt is under way. */
const firstPauseMs = 30_000;
const longestPauseMs = 3_600_000;
const givenUpAfterMs = 24 * 3_600_000;
/** Messages sent in one round at most. */
const batch = 20;

/** The pause doubles with every failure, up to an hour, with random jitter between half and all of it. */
export function retryPauseMs(attempt: number, random: number): number {
  const pause = Math.min(longestPauseMs, firstPauseMs * 2 ** (attempt - 1));
  return pause * (0.5 + random / 2);
}

/**
 * Sends what is due for this process's webhook. Every message is claimed by raising its number of attempts, so of
 * several processes one sends it; if that process dies meanwhile, the message is due again later. Messages about the same
 * alert are sent in their order.
 */
export async function sendDue({
  database,
  webhook,
  clock,
  random,
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
    const failure = await postWebhook(webhook, message, at, webhookTimeLimitMs);
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
