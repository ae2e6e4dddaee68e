import type {
  AlertCause,
  AlertSeverity,
  AlertSubject,
  Verdict,
} from '../../../src/monitoring/alerts/alert.ts';

export function subjectOf(cause: AlertCause, modelId = 'm', version: string | null = '1'): AlertSubject {
  return { cause, modelId, version };
}

/** A verdict of the error rate of version 1 of m, or of another rule and subject. */
export function verdict(
  state: Verdict['state'],
  {
    rule = 'error_rate',
    subject = subjectOf('errors'),
    severity = 'warning',
    summary = `${rule} is wrong.`,
  }: Partial<{
    rule: Verdict['rule'];
    subject: AlertSubject;
    severity: AlertSeverity;
    summary: string;
  }> = {},
): Verdict {
  if (state === 'firing') return { rule, subject, state, severity, summary, facts: { rule } };
  return { rule, subject, state };
}
