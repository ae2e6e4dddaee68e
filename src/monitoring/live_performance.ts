import type { LivePerformance } from '../registry/compare.ts';
import type { VersionReference } from '../registry/lineage.ts';
import { readRoute } from '../serving/routes.ts';
import type { Database } from '../storage/database.ts';
import { readServingStatistics } from './serving_statistics.ts';

/** How versions of any models do in service, by what all processes together served. */
export async function readLivePerformance(
  database: Database,
  versions: readonly VersionReference[],
  now: number,
): Promise<LivePerformance[]> {
  const models = [...new Set(versions.map(({ modelId }) => modelId))];
  const weights = new Map<string, number>();
  const statistics = new Map<
    string,
    { calls: number; errors: number; latencyMs: LivePerformance['latencyMs'] }
  >();
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
  return versions.map(({ modelId, version }) => {
    const key = `${modelId}@${version}`;
    const none = { calls: 0, errors: 0, latencyMs: { p50: null, p95: null, p99: null } };
    return { weight: weights.get(key) ?? null, ...(statistics.get(key) ?? none) };
  });
}
