import { createHash, createHmac } from 'node:crypto';
import type { Transaction } from 'kysely';
import { systemCodeOf } from '../../errors.ts';
import type { Database } from '../../storage/database.ts';
import type { Tables } from '../../storage/schema.ts';
import { type AlertMessage, alertText } from './alert_message.ts';

/** The settings of a webhook. Its address may contain a token and is never shown. */
export interface WebhookSettings {
  url: string;
  secret: string | undefined;
}

/** After this long without an announcement a process no longer sends to its webhook, milliseconds. */
const liveMs = 24 * 3_600_000;
/** How often it is announced, milliseconds. */
const seenEveryMs = 60_000;

/** The name of a webhook in the database, which does not give its address away. */
export function webhookTarget(url: string): string {
  return createHash('sha256').update(url).digest('hex').slice(0, 16);
}

/**
 * Announces that this process sends to a webhook: whichever process opens an alert then queues a message for it, even
 * if it does not know the address.
 */
export async function announceTarget(database: Database, target: string, now: number): Promise<void> {
  const known = await database
    .selectFrom('webhook_targets')
    .select('last_seen_at')
    .where('target', '=', target)
    .executeTakeFirst();
  if (known !== undefined && Math.abs(now - known.last_seen_at) < seenEveryMs) return;
  await database
    .insertInto('webhook_targets')
    .values({ target, last_seen_at: now })
    .onConflict((conflict) => conflict.column('target').doUpdateSet({ last_seen_at: now }))
    .execute();
}

export async function liveTargets(transaction: Transaction<Tables>, now: number): Promise<string[]> {
  const rows = await transaction
    .selectFrom('webhook_targets')
    .select('target')
    .where('last_seen_at', '>', now - liveMs)
    .orderBy('target')
    .execute();
  return rows.map(({ target }) => target);
}

/** JSON for Slack's incoming webhooks (`text`) and for programs (all other fields). */
export function webhookBody(message: AlertMessage): string {
  return JSON.stringify({ text: escaped(alertText(message)), ...message });
}

/** Escapes as Slack requires: a feature called `<!channel>` must notify nobody. */
function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

/** Of `timestamp.body`, in hexadecimal: with the secret a receiver can verify the sender and the time of sending. */
export function signatureOf(secret: string, timestamp: number, body: string): string {
  return createHmac('sha256', secret).update(`${timestamp}.${body}`).digest('hex');
}

/** Longest a receiver may take to answer, milliseconds. */
export const webhookTimeLimitMs = 10_000;

/**
 * Posts one message. Anything but an answer of 2xx in time is a failure; a redirect is not followed.
 * @param now goes into the signature, milliseconds since 1970.
 * @returns why it failed, in words that do not name the address; undefined when it was taken.
 */
export async function postWebhook(
  { url, secret }: WebhookSettings,
  message: { deliveryId: string; body: string },
  now: number,
  timeLimitMs: number,
): Promise<string | undefined> {
  const timestamp = Math.floor(now / 1000);
  const { address, authorization } = splitCredentials(url);
  try {
    const response = await fetch(address, {
      method: 'POST',
      redirect: 'manual',
      signal: AbortSignal.timeout(timeLimitMs),
      headers: {
        'content-type': 'application/json',
        'user-agent': 'modelyard',
        'x-modelyard-delivery': message.deliveryId,
        'x-modelyard-timestamp': String(timestamp),
        ...(secret !== undefined && {
          'x-modelyard-signature': `sha256=${signatureOf(secret, timestamp, message.body)}`,
        }),
        ...(authorization !== undefined && { authorization }),
      },
      body: message.body,
    });
    await response.body?.cancel();
    if (response.ok) return undefined;
    return `it answered ${response.status}${response.status >= 300 && response.status < 400 ? ', and redirects are not followed' : ''}`;
  } catch (error) {
    return describeFailure(error, timeLimitMs);
  }
}

/** fetch takes no address with a user and a password in it. */
function splitCredentials(url: string): { address: URL; authorization: string | undefined } {
  const address = new URL(url);
  const { username, password } = address;
  if (username === '' && password === '') return { address, authorization: undefined };
  address.username = '';
  address.password = '';
  const credentials = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return { address, authorization: `Basic ${Buffer.from(credentials).toString('base64')}` };
}

/** By its code alone: messages name the host, and some the whole address. */
function describeFailure(error: unknown, timeLimitMs: number): string {
  if (!(error instanceof Error)) return 'it could not be reached';
  if (error.name === 'TimeoutError') return `it did not answer within ${timeLimitMs} ms`;
  const code = systemCodeOf(error.cause) ?? systemCodeOf(error);
  return code !== undefined && /^[A-Z][A-Z0-9_]+$/.test(code)
    ? `it could not be reached (${code})`
    : 'it could not be reached';
}
