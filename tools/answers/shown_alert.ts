import { z } from 'zod';
import type { Alert } from '../../src/monitoring/alerts/index.ts';
import { beginning, roomFor } from './room.ts';
import { isoTime, notWhole } from './schemas.ts';

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
  not_whole: notWhole,
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

/** Characters of an alert's sentences in a concise answer. */
const shown = { summary: 240, note: 100 };

/** An alert in its share of a page: the long lists among its facts are cut, and counted. */
export function describeBriefly(alert: Alert, characters: number): z.input<typeof shownAlert> {
  const whole = describeAlert(alert);
  if (JSON.stringify(whole).length <= characters) return whole;
  const { facts, ...rest } = whole;
  const brief = {
    ...rest,
    summary: beginning(rest.summary, shown.summary),
    note: rest.note === null ? null : beginning(rest.note, shown.note),
  };
  const room = roomFor(false, characters - JSON.stringify(brief).length - namesOf(facts));
  return {
    ...brief,
    facts: mapLists(facts, (list, name) => room.items(list, name)),
    ...room.notWhole('All: response_format=detailed.'),
  };
}

/** Characters of facts without their lists, and of the sentence on these. */
function namesOf(facts: Record<string, unknown>): number {
  return JSON.stringify(mapLists(facts, () => [])).length + 150;
}

/** Facts with another list in the place of each. */
function mapLists(
  facts: Record<string, unknown>,
  list: (items: unknown[], name: string) => unknown[],
): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(facts).map(([name, fact]) => [
      name,
      Array.isArray(fact) ? list(fact, name) : isFacts(fact) ? mapLists(fact, list) : fact,
    ]),
  );
}

function isFacts(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
