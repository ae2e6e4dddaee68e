import {
  type AlertEvent,
  type AlertFacts,
  type AlertRule,
  type AlertSeverity,
  groupOf,
  isGraver,
  type OpenAlert,
  type Verdict,
} from './alert.ts';

/** Evaluations in a row that must find nothing before an alert is resolved. */
export const roundsToResolve = 3;

/** Cooldown, milliseconds: for this long after an alert was resolved, only a higher severity opens one of its group again. */
export const cooldownMs = 600_000;

/** What the next evaluation starts from: the open alerts, and those resolved within the cooldown. */
export interface AlertBook {
  open: readonly OpenAlert[];
  resolved: readonly { group: string; severity: AlertSeverity; resolvedAt: number }[];
}

type Firing = Extract<Verdict, { state: 'firing' }>;

/**
 * The alerts after one evaluation, and what happened to them: a pure function.
 *
 * A group with a firing verdict has an open alert; it opens at the first, unless the group is cooling down. It is
 * resolved after {@link roundsToResolve} evaluations in a row in which no verdict of the group is firing or near, and
 * every rule that ever fired for it is clean: missing evidence resolves nothing. A subject without any verdict is no
 * longer served, which counts as clean.
 * @param newId ids for alerts that open.
 */
export function openAndResolve(
  book: AlertBook,
  verdicts: readonly Verdict[],
  now: number,
  newId: () => string,
): { book: AlertBook; events: AlertEvent[] } {
  const groups = new Map<string, Verdict[]>();
  for (const verdict of verdicts) {
    const group = groupOf(verdict.subject);
    groups.set(group, [...(groups.get(group) ?? []), verdict]);
  }
  const events: AlertEvent[] = [];
  const open: OpenAlert[] = [];
  const resolved = [...book.resolved];
  for (const alert of book.open) {
    const group = groupOf(alert.subject);
    const next = continued(alert, groups.get(group) ?? [], now);
    groups.delete(group);
    if (next.cleanRounds >= roundsToResolve) {
      events.push({ kind: 'resolved', alert: next, at: now });
      resolved.push({ group, severity: next.severity, resolvedAt: now });
      continue;
    }
    if (isGraver(next.severity, alert.severity)) events.push({ kind: 'escalated', alert: next, at: now });
    open.push(next);
  }
  for (const [group, members] of groups) {
    const [first, ...others] = members.filter(isFiring);
    if (first === undefined) continue;
    const found = combined([first, ...others]);
    if (isCooling(group, found.severity, book, now)) continue;
    const alert: OpenAlert = {
      alertId: newId(),
      subject: first.subject,
      ...found,
      openedAt: now,
      lastFiringAt: now,
      cleanRounds: 0,
    };
    open.push(alert);
    events.push({ kind: 'opened', alert, at: now });
  }
  return { book: { open, resolved }, events };
}

function isFiring(verdict: Verdict): verdict is Firing {
  return verdict.state === 'firing';
}

function continued(alert: OpenAlert, verdicts: readonly Verdict[], now: number): OpenAlert {
  const [first, ...others] = verdicts.filter(isFiring);
  if (first !== undefined) {
    const found = combined([first, ...others]);
    return {
      ...alert,
      ...found,
      severity: isGraver(found.severity, alert.severity) ? found.severity : alert.severity,
      rules: [...new Set([...alert.rules, ...found.rules])],
      lastFiringAt: now,
      cleanRounds: 0,
    };
  }
  if (verdicts.some(({ state }) => state === 'near')) return { ...alert, cleanRounds: 0 };
  const isUnknown = (rule: AlertRule) =>
    verdicts.some((verdict) => verdict.rule === rule && verdict.state === 'unknown');
  // Without evidence the count neither goes on nor starts again.
  return alert.rules.some(isUnknown) ? alert : { ...alert, cleanRounds: alert.cleanRounds + 1 };
}

/** One finding of all that fire: the gravest first. */
function combined(firing: readonly [Firing, ...Firing[]]): {
  severity: AlertSeverity;
  rules: AlertRule[];
  summary: string;
  facts: AlertFacts;
} {
  const ranked = firing.toSorted((one, other) =>
    isGraver(one.severity, other.severity) ? -1 : Number(isGraver(other.severity, one.severity)),
  );
  const [{ severity: first }] = firing;
  return {
    severity: firing.reduce((worst, { severity }) => (isGraver(severity, worst) ? severity : worst), first),
    rules: ranked.map(({ rule }) => rule),
    summary: ranked.map(({ summary }) => summary).join(' '),
    facts: Object.fromEntries(ranked.map(({ rule, facts }) => [rule, facts])),
  };
}

function isCooling(group: string, severity: AlertSeverity, { resolved }: AlertBook, now: number): boolean {
  // The absolute difference: after the clock was set back by a year, a group must not be silent for a year.
  return resolved.some(
    (past) =>
      past.group === group &&
      Math.abs(now - past.resolvedAt) < cooldownMs &&
      !isGraver(severity, past.severity),
  );
}
