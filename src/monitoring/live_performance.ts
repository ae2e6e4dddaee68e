import type { LivePerformance } from '../registry/compare.ts';
import type { VersionRecord } from '../registry/version_record.ts';
import { readRoute } from '../serving/routes.ts';
import type { Database } from '../storage/database.ts';
import { type Measurer, measuredRows, metricsOf } from './live_performance/index.ts';
import { readServingStatistics } from './serving_statistics.ts';

/**
 * How versions of any models do in service, by what all processes together served. The log is to be flushed before.
 * @param window of the predictions whose outcomes are measured: `since` (inclusive) to `now`, milliseconds since 1970.
 */
export async function readLivePerformance(
  { database, measure }: { database: Database; measure: Measurer },
  versions: readonly VersionRecord[],
  { since, now }: { since: number; now: number },
): Promise<LivePerformance[]> {
  const models = [...new Set(versions.map(({ modelId }) => modelId))];
  const weights = new Map<string, number>();
  const statistics = new Map<string, Pick<LivePerformance, 'calls' | 'errors' | 'latencyMs'>>();
  for (const modelId of models) {
    const deployed = await database
      .selectFrom('deployments')
      .select('version')
      .where('model_id', '=', modelId)
      .execute();
    const route = new Map((await readRoute(database, modelId))?.weights ?? []);
    for (const { version } of deployed) weights.set(`${modelId}@${version}`, route.get(version) ?? 0);
    for (const [key, { calls, errors, recent }] of await readServingStatistics(database, modelId, now))
      statistics.set(key, { calls, errors, latencyMs: recent.latencyMs });
  }
  // What is a drop is a question to a reference, and there is none here.
  const requests = versions.map((record) => ({
    record,
    since,
    until: now + 1,
    dropThreshold: 0,
    chart: false,
  }));
  const { versions: measurements } = await measure({ versions: requests, split: undefined });
  return versions.map(({ modelId, version }, index) => {
    const key = `${modelId}@${version}`;
    const none = { calls: 0, errors: 0, latencyMs: { p50: null, p95: null, p99: null } };
    const measured = measurements[index]?.measured;
    const outcomes = measured === undefined ? 0 : measuredRows(measured);
    return {
      weight: weights.get(key) ?? null,
      ...(statistics.get(key) ?? none),
      outcomes,
      metrics: measured === undefined || outcomes === 0 ? {} : metricsOf(measured),
    };
  });
}
