import type { Database } from '../../storage/database.ts';
import { readWeightedRows } from '../log/routed_calls.ts';
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

/** Processes go on by the route before for half a second; two are plenty, milliseconds. */
const settlingMs = 2_000;
const assignmentWindowMs = 24 * hourMs;
/** Rows of the log that are looked at; the newest. */
const maxAssignedRows = 200_000;

/**
 * How the calls of a route since it was set, of the last day at most, were shared out by its weights. Calls of the
 * same entity go to the same version by intention: an entity counts once. Pinned calls and those that a breaker sent
 * elsewhere were not shared out.
 * @param lastTrippedAt of a breaker of the route's versions: what an open breaker did to the shares is no mismatch.
 */
export async function readAssignments(
  database: Database,
  route: { modelId: string; weights: ReadonlyMap<string, number>; sticky: boolean; changedAt: number },
  now: number,
  lastTrippedAt: number,
): Promise<Assignments | undefined> {
  const weights = new Map([...route.weights].filter(([, weight]) => weight > 0));
  const since = Math.max(route.changedAt + settlingMs, now - assignmentWindowMs);
  if (weights.size < 2 || lastTrippedAt >= since) return undefined;
  const rows = await readWeightedRows(database, {
    modelId: route.modelId,
    versions: [...weights.keys()],
    since,
    limit: maxAssignedRows,
  });
  const seen = new Set<string>();
  const units = new Map<string, number>();
  for (const row of rows) {
    // The rows of one call have its time and latency, and one version.
    const unit = route.sticky && row.entityKey !== null ? `e${row.entityKey}` : `c${row.at} ${row.latencyMs}`;
    const key = `${row.version} ${unit}`;
    if (seen.has(key)) continue;
    seen.add(key);
    units.set(row.version, (units.get(row.version) ?? 0) + 1);
  }
  return { units, weights };
}
