import { noQuantiles } from '../../prediction_log/latency.ts';
import { readServingStatistics } from '../../prediction_log/serving_statistics.ts';
import type { LivePerformance } from '../../registry/compare.ts';
import type { VersionRecord } from '../../registry/version_record.ts';
import { readRoute } from '../../serving/stored_route.ts';
import type { Database } from '../../storage/database.ts';
import { rowsOf } from './compare_reference.ts';
import { metricsOf } from './measure_rows.ts';
import type { Measurer } from './measurer.ts';

/**
 * Live metrics for compare_models: calls, latency and performance of versions in service, over all processes. The log is to be flushed before.
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
    for (const [key, { calls, errors, recent }] of await readServingStatistics(database, [modelId], now))
      statistics.set(key, { calls, errors, latencyMs: recent.latencyMs });
  }
  // There is no reference here, so no drop is judged.
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
    const none = { calls: 0, errors: 0, latencyMs: noQuantiles };
    const measured = measurements[index]?.measured;
    const outcomes = measured === undefined ? 0 : rowsOf(measured);
    return {
      weight: weights.get(key) ?? null,
      ...(statistics.get(key) ?? none),
      outcomes,
      metrics: measured === undefined || outcomes === 0 ? {} : metricsOf(measured),
    };
  });
}
