import { z } from 'zod';
import { isoTime } from './answers/schemas.ts';
import { storedNote, storedTexts } from './answers/stored_texts.ts';
import { defineTool } from './define_tool.ts';

export const acknowledgeAlert = defineTool({
  name: 'acknowledge_alert',
  title: 'Acknowledge alert',
  description:
    'Says somebody looks after an open alert of list_alerts: health_check no longer counts it. It resolves only when its cause is gone.',
  permission: 'WRITE',
  hints: { readOnly: false, destructive: false, idempotent: true, openWorld: false },
  input: z.strictObject({
    alert_id: z.string().min(1).max(64),
    note: z.string().min(1).max(2000).optional(),
  }),
  output: z.strictObject({
    alert_id: z.string(),
    model_id: z.string(),
    version: z.string().nullable(),
    state: z.string(),
    changed: z.boolean(),
    undo: z.string().optional(),
    acknowledged_at: z.string().nullable(),
    acknowledged_by: z.string().nullable(),
    note: z.string().nullable(),
    data_note: storedNote.optional(),
  }),
  async handle(services, input, { origin }) {
    const { alert, changed } = await services.monitoring.acknowledgeAlert(
      { alertId: input.alert_id, note: input.note },
      origin,
    );
    return {
      alert_id: alert.alertId,
      model_id: alert.subject.modelId,
      version: alert.subject.version,
      state: alert.state,
      changed,
      ...(changed && {
        undo: 'Cannot be undone, and need not be: list_alerts goes on showing it, and it resolves when its cause is gone. Another note replaces this one.',
      }),
      acknowledged_at: alert.acknowledgedAt === null ? null : isoTime(alert.acknowledgedAt),
      acknowledged_by: alert.acknowledgedBy,
      ...(alert.note !== null && { data_note: storedTexts }),
      note: alert.note,
    };
  },
});
