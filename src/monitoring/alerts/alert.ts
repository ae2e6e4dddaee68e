/** The types of alerts: their subjects, the verdicts of the rules, and the alerts that follow from them. */

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

/** The cause that findings of several rules share: those of one cause about one version are one alert. */
export type AlertCause = 'errors' | 'latency' | 'data' | 'performance' | 'silence' | 'routing';

/** What an alert is about: a version, or a model as a whole. */
export interface AlertSubject {
  cause: AlertCause;
  modelId: string;
  version: string | null;
}

/** The numbers and names behind a finding, as JSON, for programs. */
export type AlertFacts = Record<string, unknown>;

/**
 * What a rule finds about a subject.
 * firing: the threshold is passed, with evidence.
 * near: not passed, but not clearly below: opens no alert and resolves none.
 * clean: clearly below.
 * unknown: no evidence either way.
 */
export type Verdict = { rule: AlertRule; subject: AlertSubject } & (
  | { state: 'firing'; severity: AlertSeverity; summary: string; facts: AlertFacts }
  | { state: 'near' | 'clean' | 'unknown' }
);

/** The key that all findings of one cause about one subject share; at most one alert of a key is open. */
export function groupOf({ cause, modelId, version }: AlertSubject): string {
  // Neither sign can occur in the name of a model or version.
  return version === null ? `${cause}:${modelId}` : `${cause}:${modelId}@${version}`;
}

export function isGraver(one: AlertSeverity, other: AlertSeverity): boolean {
  return alertSeverities.indexOf(one) > alertSeverities.indexOf(other);
}

/** An alert that is not resolved. */
export interface OpenAlert {
  alertId: string;
  subject: AlertSubject;
  /** The highest severity that it has had. */
  severity: AlertSeverity;
  /** The rules that fired since it opened. */
  rules: AlertRule[];
  /** The latest findings: a sentence for each rule. */
  summary: string;
  facts: AlertFacts;
  openedAt: number;
  lastFiringAt: number;
  /** Evaluations in a row that found it clean. */
  cleanRounds: number;
}

export interface AlertEvent {
  kind: 'opened' | 'escalated' | 'resolved';
  alert: OpenAlert;
  at: number;
}
