import { sql, type Transaction } from 'kysely';
import { uuidv7 } from 'uuidv7';
import { z } from 'zod';
import { messageOf } from '../../errors.ts';
import type { AlertRow, Tables } from '../../storage/schema.ts';
import { readStored } from '../../storage/stored_json.ts';
import { type AlertEvent, groupOf, type OpenAlert } from './alert.ts';
import { type AlertMessage, alertMessage } from './alert_message.ts';
import type { DriftEvaluation } from './drift_evidence.ts';
import type { AlertBook } from './open_and_resolve.ts';
import { liveTargets, webhookBody } from './webhook.ts';

const dayMs = 24 * 3_600_000;
/** How long events are kept. Each process reads them within one interval; a week leaves time to look at them. */
const keptEventsMs = 7 * dayMs;
const keptAlertsMs = 90 * dayMs;

const rules = z.array(
  z.enum(['drift', 'performance', 'error_rate', 'latency', 'breaker', 'missing_data', 'sample_ratio']),
);
const facts = z.record(z.string(), z.unknown());

/**
 * What the rules found of an alert and what is known of it.
 * @throws INTERNAL when it is damaged
 */
export function readFound({ alert_id, ...row }: Pick<AlertRow, 'alert_id' | 'rules' | 'facts'>) {
  const read = <Schema extends z.ZodType>(schema: Schema, column: 'rules' | 'facts') =>
    readStored(schema, row[column], { table: 'alerts', column, of: `the alert ${alert_id}` });
  return { rules: read(rules, 'rules'), facts: read(facts, 'facts') };
}

/** An alert stands though what is stored of it is damaged: its facts say so then, and other alerts go on. */
function foundOrDamage(row: AlertRow): ReturnType<typeof readFound> {
  try {
    return readFound(row);
  } catch (error) {
    return { rules: [], facts: { damaged: messageOf(error) } };
  }
}

export function openAlert(row: AlertRow): OpenAlert {
  return {
    alertId: row.alert_id,
    subject: { cause: row.cause, modelId: row.model_id, version: row.version },
    severity: row.severity,
    ...foundOrDamage(row),
    summary: row.summary,
    openedAt: row.opened_at,
    lastFiringAt: row.last_firing_at,
    cleanRounds: row.clean_rounds,
  };
}

/** The open alerts, and those resolved within `cooldownMs` of now, whichever clock set the time. */
export async function readBook(
  transaction: Transaction<Tables>,
  now: number,
  cooldownMs: number,
): Promise<AlertBook> {
  const open = await transaction
    .selectFrom('alerts')
    .selectAll()
    .where('state', '!=', 'resolved')
    .orderBy('opened_at')
    .orderBy('alert_id')
    .execute();
  const resolved = await transaction
    .selectFrom('alerts')
    .select(['alert_group', 'severity', 'resolved_at'])
    .where('state', '=', 'resolved')
    .where('resolved_at', '>', now - cooldownMs)
    .where('resolved_at', '<', now + cooldownMs)
    .execute();
  return {
    open: open.map(openAlert),
    resolved: resolved.flatMap(({ alert_group, severity, resolved_at }) =>
      resolved_at === null ? [] : [{ group: alert_group, severity, resolvedAt: resolved_at }],
    ),
  };
}

/**
 * Writes, all or nothing, the alerts, the events that every process reports to its client, and the messages for every
 * webhook that a process served lately.
 */
export async function writeBook(
  transaction: Transaction<Tables>,
  before: AlertBook,
  { book, events }: { book: AlertBook; events: readonly AlertEvent[] },
  now: number,
): Promise<AlertMessage[]> {
  const known = new Map(before.open.map((alert) => [alert.alertId, alert]));
  for (const alert of book.open) {
    const last = known.get(alert.alertId);
    if (last === undefined) await insertAlert(transaction, alert);
    else if (last.cleanRounds !== alert.cleanRounds || last.lastFiringAt !== alert.lastFiringAt)
      await updateAlert(transaction, alert);
  }
  for (const { kind, alert, at } of events)
    if (kind === 'resolved')
      await transaction
        .updateTable('alerts')
        .set({ state: 'resolved', resolved_at: at, clean_rounds: alert.cleanRounds })
        .where('alert_id', '=', alert.alertId)
        .execute();
  const messages = events.map(alertMessage);
  await insertEvents(transaction, messages, now);
  await removeOld(transaction, now);
  return messages;
}

async function insertAlert(transaction: Transaction<Tables>, alert: OpenAlert): Promise<void> {
  const { cause, modelId, version } = alert.subject;
  await transaction
    .insertInto('alerts')
    .values({
      alert_id: alert.alertId,
      alert_group: groupOf(alert.subject),
      cause,
      model_id: modelId,
      version,
      state: 'open',
      opened_at: alert.openedAt,
      acknowledged_at: null,
      acknowledged_by: null,
      note: null,
      resolved_at: null,
      ...changing(alert),
    })
    .execute();
}

/** Leaves the state unchanged, since somebody may acknowledge the alert at the same moment. */
async function updateAlert(transaction: Transaction<Tables>, alert: OpenAlert): Promise<void> {
  await transaction
    .updateTable('alerts')
    .set(changing(alert))
    .where('alert_id', '=', alert.alertId)
    .execute();
}

function changing(alert: OpenAlert) {
  return {
    severity: alert.severity,
    rules: JSON.stringify(alert.rules),
    // PostgreSQL cannot store NUL in text, and names of features come from outside.
    summary: alert.summary.replaceAll('\0', '\uFFFD').slice(0, 2000),
    facts: JSON.stringify(alert.facts),
    clean_rounds: alert.cleanRounds,
    last_firing_at: alert.lastFiringAt,
  };
}

/** Something that changed and is no alert of its own, which clients and webhooks hear of as of alerts. */
interface ToldChange {
  id: string;
  cause: string;
  modelId: string;
  version: string;
  severity: AlertMessage['severity'];
  /** Whether it ended well. */
  isOver: boolean;
  summary: string;
  facts: Record<string, unknown>;
  /** Milliseconds since 1970. */
  beganAt: number;
}

/** Tells every process's client and every webhook of a change, in the transaction that makes it. */
export async function tellOfChange(
  transaction: Transaction<Tables>,
  { id, cause, modelId, version, severity, isOver, summary, facts, beganAt }: ToldChange,
  at: number,
): Promise<void> {
  const message = {
    event: isOver ? ('resolved' as const) : ('opened' as const),
    alert_id: id,
    model_id: modelId,
    version,
    severity,
    cause,
    rules: [],
    summary,
    facts,
    opened_at: new Date(beganAt).toISOString(),
    at: new Date(at).toISOString(),
  };
  await insertEvents(transaction, [message], at);
}

async function insertEvents(
  transaction: Transaction<Tables>,
  messages: readonly AlertMessage[],
  now: number,
): Promise<void> {
  if (messages.length === 0) return;
  const targets = await liveTargets(transaction, now);
  for (const message of messages) {
    const { sequence } = await transaction
      .updateTable('alert_rounds')
      .set({ sequence: sql<number>`sequence + 1` })
      .returning('sequence')
      .executeTakeFirstOrThrow();
    const { alert_id, event: kind, severity } = message;
    await transaction
      .insertInto('alert_events')
      .values({ sequence, alert_id, kind, severity, at: now, message: JSON.stringify(message) })
      .execute();
    for (const target of targets)
      await transaction
        .insertInto('webhook_deliveries')
        .values({
          delivery_id: uuidv7(),
          target,
          sequence,
          alert_id,
          body: webhookBody(message),
          queued_at: now,
          attempts: 0,
          next_attempt_at: now,
          given_up_at: null,
          last_error: null,
        })
        .execute();
  }
}

/** Deletes old events, and messages for webhooks that no process sends to any more. */
async function removeOld(transaction: Transaction<Tables>, now: number): Promise<void> {
  await transaction
    .deleteFrom('alert_events')
    .where('at', '<', now - keptEventsMs)
    .execute();
  await transaction
    .deleteFrom('alerts')
    .where('state', '=', 'resolved')
    .where('resolved_at', '<', now - keptAlertsMs)
    .execute();
  await transaction
    .updateTable('webhook_deliveries')
    .set((eb) => ({
      given_up_at: now,
      last_error: eb.fn.coalesce('last_error', sql<string>`'no process with this webhook was running'`),
    }))
    .where('given_up_at', 'is', null)
    .where('queued_at', '<', now - dayMs - dayMs / 24)
    .execute();
  await transaction
    .deleteFrom('webhook_deliveries')
    .where('given_up_at', '<', now - keptEventsMs)
    .execute();
}

export async function writeDriftEvaluations(
  transaction: Transaction<Tables>,
  evaluations: readonly DriftEvaluation[],
): Promise<void> {
  for (const evaluation of evaluations) {
    const values = {
      reference_id: evaluation.referenceId,
      calls: evaluation.calls,
      evaluated_at: evaluation.evaluatedAt,
      took_ms: Math.round(evaluation.tookMs),
    };
    await transaction
      .insertInto('drift_evaluations')
      .values({ model_id: evaluation.modelId, version: evaluation.version, ...values })
      .onConflict((conflict) => conflict.columns(['model_id', 'version']).doUpdateSet(values))
      .execute();
  }
}
