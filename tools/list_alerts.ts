import { z } from 'zod';
import { alertCursor, alertSeverities, alertStates } from '../src/monitoring/alerts/index.ts';
import { fittingPage } from './answers/fitting_page.ts';
import { describeAlert, describeBriefly, shownAlert } from './answers/shown_alert.ts';
import { storedNote, storedTexts } from './answers/stored_texts.ts';
import { cursor, limit, modelId, responseFormat } from './arguments/schemas.ts';
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
    response_format: responseFormat,
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
    const shown =
      input.response_format === 'detailed' ? alerts.map(describeAlert) : fittingPage(alerts, describeBriefly);
    const last = shown.length < alerts.length ? alerts[shown.length - 1] : undefined;
    return {
      note: storedTexts,
      total,
      alerts: shown,
      next_cursor: last === undefined ? nextCursor : alertCursor(last),
    };
  },
});
