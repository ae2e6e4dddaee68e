import { z } from 'zod';
import type { Alert } from '../../src/monitoring/alerts/index.ts';
import { isoTime } from './schemas.ts';

export const shownAlert = z.strictObject({
  alert_id: z.string(),
  model_id: z.string(),
  version: z.string().nullable(),
  state: z.string(),
  severity: z.string(),
  rules: z.array(z.string()),
  summary: z.string(),
  facts: z.record(z.string(), z.unknown()),
  opened_at: z.string(),
  last_firing_at: z.string(),
  acknowledged_at: z.string().nullable(),
  acknowledged_by: z.string().nullable(),
  note: z.string().nullable(),
  resolved_at: z.string().nullable(),
});

export function describeAlert(alert: Alert): z.input<typeof shownAlert> {
  const time = (at: number | null) => (at === null ? null : isoTime(at));
  return {
    alert_id: alert.alertId,
    model_id: alert.subject.modelId,
    version: alert.subject.version,
    state: alert.state,
    severity: alert.severity,
    rules: alert.rules,
    summary: alert.summary,
    facts: alert.facts,
    opened_at: isoTime(alert.openedAt),
    last_firing_at: isoTime(alert.lastFiringAt),
    acknowledged_at: time(alert.acknowledgedAt),
    acknowledged_by: alert.acknowledgedBy,
    note: alert.note,
    resolved_at: time(alert.resolvedAt),
  };
}
