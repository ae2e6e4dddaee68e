import { z } from 'zod';
import { type AlertEvent, alertSeverities } from './alert.ts';

/** An event of an alert, as it is sent to clients, the log and webhooks. */
export const alertMessageSchema = z.strictObject({
  event: z.enum(['opened', 'escalated', 'resolved']),
  alert_id: z.string(),
  model_id: z.string(),
  version: z.string().nullable(),
  severity: z.enum(alertSeverities),
  cause: z.string(),
  rules: z.array(z.string()),
  summary: z.string(),
  facts: z.record(z.string(), z.unknown()),
  opened_at: z.string(),
  at: z.string(),
});
export type AlertMessage = z.output<typeof alertMessageSchema>;

export function alertMessage({ kind, alert, at }: AlertEvent): AlertMessage {
  return {
    event: kind,
    alert_id: alert.alertId,
    model_id: alert.subject.modelId,
    version: alert.subject.version,
    severity: alert.severity,
    cause: alert.subject.cause,
    rules: alert.rules,
    summary: alert.summary,
    facts: alert.facts,
    opened_at: new Date(alert.openedAt).toISOString(),
    at: new Date(at).toISOString(),
  };
}

/** One line for a person: `[critical] churn 3: 40.0 % of 50 calls failed …`. */
export function alertText({ event, severity, summary, model_id, version }: AlertMessage): string {
  const name = version === null ? model_id : `${model_id} ${version}`;
  return event === 'resolved'
    ? `[resolved] ${name}. It was: ${summary}`
    : `[${severity}] ${name}: ${summary}`;
}
