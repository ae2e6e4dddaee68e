import { readAssignments } from '../../prediction_log/assignments.ts';
import type { Database } from '../../storage/database.ts';
import type { Assignments } from './rules/sample_ratio.ts';
import { shortestSilenceMs, type TrafficEvidence, type TrafficHistory } from './rules/silence.ts';

const hourMs = 3_600_000;
const weekMs = 7 * 24 * hourMs;

/** When a model was called, by all its versions; undefined when it never was. */
export async function readTraffic(
  database: Database,
  modelId: string,
  now: number,
  isRefusing: boolean,
): Promise<TrafficEvidence | undefined> {
  const last = await database
    .selectFrom('serving_totals')
    .select((eb) => eb.fn.max('last_call_at').as('at'))
    .where('model_id', '=', modelId)
    .executeTakeFirst();
  if (last === undefined || last.at === null) return undefined;
  const lastCallAt = Number(last.at);
  const isSilent = now - lastCallAt >= shortestSilenceMs;
  return {
    lastCallAt,
    history: isSilent ? await readHistory(database, modelId, lastCallAt) : undefined,
    isRefusing,
  };
}

async function readHistory(database: Database, modelId: string, lastCallAt: number): Promise<TrafficHistory> {
  const minutes = await database
    .selectFrom('serving_minutes')
    .select((eb) => ['minute', eb.fn.sum<number>('calls').as('calls')])
    .where('model_id', '=', modelId)
    .where('minute', '>', lastCallAt - weekMs)
    .where('minute', '<=', lastCallAt)
    .groupBy('minute')
    .orderBy('minute')
    .execute();
  let longestGapMs = 0;
  minutes.forEach(({ minute }, index) => {
    const before = minutes[index - 1]?.minute ?? minute;
    longestGapMs = Math.max(longestGapMs, minute - before);
  });
  return {
    calls: minutes.reduce((sum, { calls }) => sum + Number(calls), 0),
    activeHours: new Set(minutes.map(({ minute }) => Math.floor(minute / hourMs))).size,
    longestGapMs,
  };
}

const assignmentWindowMs = 24 * hourMs;
/**
 * How the weights of a route distributed its calls since it was set, of the last day at most. An entity counts once,
 * since all its calls go to one version. Pinned calls, and those that an open breaker diverted, do not count.
 * @param lastTrippedAt of a breaker of the route's versions: shares that an open breaker changed are no mismatch.
 */
export async function readShares(
  database: Database,
  route: { modelId: string; weights: ReadonlyMap<string, number>; sticky: boolean; changedAt: number },
  now: number,
  lastTrippedAt: number,
): Promise<Assignments | undefined> {
  const weights = new Map([...route.weights].filter(([, weight]) => weight > 0));
  const since = Math.max(route.changedAt, now - assignmentWindowMs);
  if (weights.size < 2 || lastTrippedAt >= since) return undefined;
  const versions = Array.from(weights, ([version, weight]) => ({ version, weight }));
  const { modelId, sticky, changedAt: setAt } = route;
  const split = { modelId, versions, sticky, setAt, since, until: now + 1 };
  const assigned = await readAssignments(database, split);
  const units = new Map(
    assigned.flatMap((one) => (one.units > 0 ? [[one.version, one.units] as const] : [])),
  );
  return { units, weights };
}
