import { z } from 'zod';
import { alertSeverities, alertStates } from '../src/monitoring/alerts/index.ts';
import { describeAlert, shownAlert } from './answers/shown_alert.ts';
import { storedNote, storedTexts } from './answers/stored_texts.ts';
import { cursor, limit, modelId } from './arguments/schemas.ts';
import { defineTool } from './define_tool.ts';

export const listAlerts = defineTool({
  name: 'list_alerts',
  title: 'List alerts',
  description:
    'Alerts, newest first: errors, latency, circuit breakers, drift, missing data, performance, traffic shares. One per cause, with the last finding; open until acknowledged (acknowledge_alert), resolved when the cause is gone. State now: health_check.',
  permission: 'READ',
  hints: { readOnly: true, destructive: false, idempotent: true, openWorld: false },
  input: z.strictObject({
    model_id: modelId.optional(),
    severity: z.enum(alertSeverities).optional(),
    state: z.enum(alertStates).optional(),
    limit,
    cursor: cursor.optional(),
  }),
  output: z.strictObject({
    note: storedNote,
    total: z.int(),
    alerts: z.array(shownAlert),
    next_cursor: z.string().nullable(),
  }),
  async handle(services, input) {
    const { total, alerts, nextCursor } = await services.monitoring.listAlerts({
      modelId: input.model_id,
      severity: input.severity,
      state: input.state,
      limit: input.limit,
      cursor: input.cursor,
    });
    return { note: storedTexts, total, alerts: alerts.map(describeAlert), next_cursor: nextCursor };
  },
});
