import { z } from 'zod';
import { pageCursor, readPageCursor } from '../../page_cursor.ts';
import { requireModel } from '../../registry/lookup.ts';
import type { Database } from '../../storage/database.ts';
import type { AlertRow } from '../../storage/schema.ts';
import type { AlertSeverity, AlertState, OpenAlert } from './alert.ts';
import { openAlert } from './alert_store.ts';

export interface AlertQuery {
  modelId?: string | undefined;
  severity?: AlertSeverity | undefined;
  state?: AlertState | undefined;
  limit: number;
  cursor?: string | undefined;
}

/** An alert with its acknowledgement, and when it was resolved. */
export interface Alert extends OpenAlert {
  state: AlertState;
  acknowledgedAt: number | null;
  acknowledgedBy: string | null;
  note: string | null;
  resolvedAt: number | null;
}

export function describeAlert(row: AlertRow): Alert {
  return {
    ...openAlert(row),
    state: row.state,
    acknowledgedAt: row.acknowledged_at,
    acknowledgedBy: row.acknowledged_by,
    note: row.note,
    resolvedAt: row.resolved_at,
  };
}

/** When an alert was opened, and its id. */
const cursorSchema = z.tuple([z.number(), z.string()]);

/**
 * Alerts, newest first, a page at a time; also those of deleted models.
 *
 * @throws MODEL_NOT_FOUND where there is neither the model nor an alert about it, INVALID_INPUT for a cursor that was
 * not given out
 */
export async function listAlerts(
  database: Database,
  query: AlertQuery,
): Promise<{ total: number; alerts: Alert[]; nextCursor: string | null }> {
  let matching = database.selectFrom('alerts');
  if (query.modelId !== undefined) matching = matching.where('model_id', '=', query.modelId);
  if (query.severity !== undefined) matching = matching.where('severity', '=', query.severity);
  if (query.state !== undefined) matching = matching.where('state', '=', query.state);
  const { total } = await matching
    .select((eb) => eb.fn.countAll<number>().as('total'))
    .executeTakeFirstOrThrow();
  if (Number(total) === 0 && query.modelId !== undefined) await requireModelOrAlert(database, query.modelId);
  let page = matching.selectAll();
  if (query.cursor !== undefined) {
    const [at, id] = readPageCursor(cursorSchema, query.cursor, { tool: 'list_alerts' });
    page = page.where((eb) =>
      eb.or([eb('opened_at', '<', at), eb.and([eb('opened_at', '=', at), eb('alert_id', '<', id)])]),
    );
  }
  const rows = await page
    .orderBy('opened_at', 'desc')
    .orderBy('alert_id', 'desc')
    .limit(query.limit + 1)
    .execute();
  const shown = rows.slice(0, query.limit);
  const last = rows.length > query.limit ? shown.at(-1) : undefined;
  return {
    total: Number(total),
    alerts: shown.map(describeAlert),
    nextCursor: last === undefined ? null : alertCursor({ openedAt: last.opened_at, alertId: last.alert_id }),
  };
}

/** The cursor of the page that follows an alert. */
export function alertCursor({ openedAt, alertId }: Pick<Alert, 'openedAt' | 'alertId'>): string {
  return pageCursor([openedAt, alertId]);
}

async function requireModelOrAlert(database: Database, modelId: string): Promise<void> {
  const found = await database
    .selectFrom('alerts')
    .select('alert_id')
    .where('model_id', '=', modelId)
    .limit(1)
    .executeTakeFirst();
  if (found === undefined) await requireModel(database, modelId);
}
