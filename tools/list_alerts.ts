import { z } from 'zod';
import { alertSeverities, alertStates } from '../src/monitoring/alerts/alert.ts';
import { defineTool } from './define_tool.ts';
import { cursor, limit, modelId } from './schemas.ts';
import { describeAlert, shownAlert } from './shown_alert.ts';

export const listAlerts = defineTool({
  name: 'list_alerts',
  title: 'List alerts',
  description:
    'Alerts that the server raised by itself, newest first: errors, latency, circuit breakers, drift, missing data, performance, traffic shares. One cause is one alert, with what was found last. open until acknowledge_alert, resolved by itself when the cause is gone. For the state right now call health_check.',
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
    total: z.number(),
    alerts: z.array(shownAlert),
    next_cursor: z.string().nullable(),
  }),
  async handle(services, input) {
    const { total, alerts, nextCursor } = await services.alerts.list({
      modelId: input.model_id,
      severity: input.severity,
      state: input.state,
      limit: input.limit,
      cursor: input.cursor,
    });
    return { total, alerts: alerts.map(describeAlert), next_cursor: nextCursor };
  },
});
