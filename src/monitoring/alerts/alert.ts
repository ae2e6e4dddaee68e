/** The words that alerts are spoken of in: what is watched, what the rules say of it, what becomes of it. */

/** Mildest first. */
export const alertSeverities = ['info', 'warning', 'critical'] as const;
export type AlertSeverity = (typeof alertSeverities)[number];

export const alertStates = ['open', 'acknowledged', 'resolved'] as const;
export type AlertState = (typeof alertStates)[number];

export type AlertRule =
  | 'drift'
  | 'performance'
  | 'error_rate'
  | 'latency'
  | 'breaker'
  | 'missing_data'
  | 'sample_ratio';

/** What rules may have in common: findings of one cause about one version are one alert. */
export type AlertCause = 'errors' | 'latency' | 'data' | 'performance' | 'silence' | 'routing';

/** What an alert is about: a version, or a model as a whole. */
export interface AlertSubject {
  cause: AlertCause;
  modelId: string;
  version: string | null;
}

/** What goes with a finding, for programs: JSON. */
export type AlertFacts = Record<string, unknown>;

/**
 * What a rule says of a subject.
 * firing: the threshold is passed, with evidence. near: not passed, but not clearly below either: it opens nothing
 * and ends nothing. clean: clearly below. unknown: there is no evidence either way.
 */
export type Verdict = { rule: AlertRule; subject: AlertSubject } & (
  | { state: 'firing'; severity: AlertSeverity; summary: string; facts: AlertFacts }
  | { state: 'near' | 'clean' | 'unknown' }
);

/** The name of the group that all findings of one cause share; there is one open alert in it at most. */
export function groupOf({ cause, modelId, version }: AlertSubject): string {
  // Neither sign can be in the name of a model or version.
  return version === null ? `${cause}:${modelId}` : `${cause}:${modelId}@${version}`;
}

export function isGraver(one: AlertSeverity, other: AlertSeverity): boolean {
  return alertSeverities.indexOf(one) > alertSeverities.indexOf(other);
}

/** An alert that is not resolved. */
export interface OpenAlert {
  alertId: string;
  subject: AlertSubject;
  /** The gravest that it had. */
  severity: AlertSeverity;
  /** The rules that found something since it opened. */
  rules: AlertRule[];
  /** What was found last: a sentence for each rule. */
  summary: string;
  facts: AlertFacts;
  openedAt: number;
  lastFiringAt: number;
  /** Evaluations in a row that found it gone. */
  cleanRounds: number;
}

export interface AlertEvent {
  kind: 'opened' | 'escalated' | 'resolved';
  alert: OpenAlert;
  at: number;
}
