import { appendAudit } from '../../access/audit.ts';
import { nameOf, type Origin } from '../../access/origin.ts';
import { ModelYardError } from '../../errors.ts';
import type { Database } from '../../storage/database.ts';
import { requireWanted, wantedTransaction } from '../../storage/wanted.ts';
import { type Alert, describeAlert } from './list_alerts.ts';

export interface Acknowledgement {
  alertId: string;
  note?: string | undefined;
}

/**
 * Marks an open alert as acknowledged, with an entry in the audit trail; it still resolves by itself. An alert that
 * is already acknowledged or resolved does not change, except for a new note on an acknowledged one.
 *
 * @throws INVALID_INPUT when there is no such alert
 */
export async function acknowledgeAlert(
  { database, clock }: { database: Database; clock: () => number },
  { alertId, note }: Acknowledgement,
  origin: Origin,
): Promise<{ alert: Alert; changed: boolean }> {
  return wantedTransaction(database, origin.signal, async (transaction) => {
    const at = clock();
    const { numUpdatedRows } = await transaction
      .updateTable('alerts')
      .set({
        state: 'acknowledged',
        acknowledged_at: at,
        acknowledged_by: nameOf(origin.caller),
        note: storable(note) ?? null,
      })
      .where('alert_id', '=', alertId)
      .where('state', '=', 'open')
      .executeTakeFirst();
    const noted =
      note === undefined || numUpdatedRows === 1n
        ? undefined
        : await transaction
            .updateTable('alerts')
            .set({ note: storable(note) ?? null })
            .where('alert_id', '=', alertId)
            .where('state', '=', 'acknowledged')
            .where((eb) => eb.or([eb('note', 'is', null), eb('note', '!=', storable(note) ?? null)]))
            .executeTakeFirst();
    const row = await transaction
      .selectFrom('alerts')
      .selectAll()
      .where('alert_id', '=', alertId)
      .executeTakeFirst();
    if (row === undefined)
      throw new ModelYardError(
        'INVALID_INPUT',
        `There is no alert ${alertId}.`,
        'Call list_alerts for the ids of those that are open; resolved ones are kept for 90 days.',
      );
    const changed = numUpdatedRows === 1n || noted?.numUpdatedRows === 1n;
    if (changed)
      await appendAudit(
        transaction,
        origin,
        {
          modelId: row.model_id,
          version: row.version ?? undefined,
          before: { alert_id: alertId, state: numUpdatedRows === 1n ? 'open' : 'acknowledged' },
          after: { alert_id: alertId, state: row.state, note: row.note },
          outcome: 'done',
        },
        at,
      );
    // A call that was cancelled changes nothing.
    requireWanted(origin.signal);
    return { alert: describeAlert(row), changed };
  });
}

/** PostgreSQL cannot store NUL in text. */
function storable(text: string | undefined): string | undefined {
  return text?.replaceAll('\0', '\uFFFD');
}
