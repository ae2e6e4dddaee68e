import { ModelYardError } from '../../errors.ts';
import { findVersion } from '../../registry/lookup.ts';
import { parseWeights } from '../../registry/route_weights.ts';
import type { VersionRecord } from '../../registry/version_record.ts';
import type { Database } from '../../storage/database.ts';
import { compareVersions, type VersionComparison } from './compare_versions.ts';
import type { LivePerformanceDependencies } from './get_performance.ts';
import { splitOf } from './split.ts';

/** Versions that share the calls of a model by weights, since these were set. */
export interface AbTest {
  modelId: string;
  versions: { version: string; weight: number }[];
  sticky: boolean;
  /** Milliseconds since 1970. */
  setAt: number;
  /** The version that the others are compared with. */
  baseline: string;
}

/** Every model that has a route, when that was set, and the A/B test that it is; undefined: one version has all calls. */
export async function listAbTests(
  database: Database,
): Promise<{ modelId: string; setAt: number; test: AbTest | undefined }[]> {
  const routes = await database
    .selectFrom('routes')
    .select(['model_id', 'active_version', 'weights', 'sticky', 'changed_at'])
    .execute();
  return routes.map((route) => {
    const [modelId, setAt] = [route.model_id, Number(route.changed_at)];
    const versions = parseWeights(modelId, route.weights).flatMap(([version, weight]) =>
      weight > 0 ? [{ version, weight }] : [],
    );
    const of = { modelId, versions, sticky: route.sticky === 1, setAt, baseline: route.active_version };
    return { modelId, setAt, test: versions.length < 2 ? undefined : of };
  });
}

/**
 * How the versions of an A/B test compare by all its calls before `until` (milliseconds since 1970), by the default metric.
 * @returns undefined when one of them was deleted.
 * @throws STORAGE_UNAVAILABLE
 */
export async function compareAbTest(
  { database, flushLog, measure }: Pick<LivePerformanceDependencies, 'database' | 'flushLog' | 'measure'>,
  { modelId, versions, sticky, setAt, baseline }: AbTest,
  until: number,
): Promise<VersionComparison | undefined> {
  const records: VersionRecord[] = [];
  for (const { version } of versions) {
    const record = await findVersion(database, modelId, version).catch((error: unknown) => {
      const isGone =
        error instanceof ModelYardError && ['MODEL_NOT_FOUND', 'VERSION_NOT_FOUND'].includes(error.code);
      if (isGone) return undefined;
      throw error;
    });
    if (record === undefined) return undefined;
    records.push(record);
  }
  await flushLog();
  const split = await splitOf(database, { modelId, versions, sticky, setAt, baseline, since: setAt, until });
  const arm = { setAt, sticky, since: setAt, metric: undefined };
  const { versions: measured, assigned } = await measure({
    // There is no reference here, so no drop is judged.
    versions: records.map((record) => ({
      record,
      since: setAt,
      until,
      dropThreshold: 0,
      chart: false,
      arm,
    })),
    split,
  });
  const arms = new Map(records.map(({ version }, index) => [version, measured[index]?.arm]));
  return compareVersions(split, assigned, arms);
}
