import { findVersion } from '../../registry/lookup.ts';
import type { Metric } from '../performance/index.ts';
import { rowsOf } from './compare_reference.ts';
import type { LivePerformanceDependencies } from './get_performance.ts';
import { metricsOf } from './measure_rows.ts';

/**
 * The performance of a version in a window by recorded outcomes alone: no reference, no estimate, no calls. Needs no
 * flush, since outcomes are in the database when record_outcomes has answered.
 *
 * @param time `since` (inclusive) to `until` (exclusive), milliseconds since 1970
 * @throws VERSION_NOT_FOUND, STORAGE_UNAVAILABLE
 */
export async function measureOutcomes(
  { database, measure }: Pick<LivePerformanceDependencies, 'database' | 'measure'>,
  modelId: string,
  version: string,
  time: { since: number; until: number },
): Promise<{ outcomes: number; metrics: Record<string, Metric> }> {
  const record = await findVersion(database, modelId, version);
  const { versions } = await measure({
    // There is no reference here, so no drop is judged.
    versions: [{ record, ...time, dropThreshold: 0, chart: false }],
    split: undefined,
  });
  const [measurement] = versions;
  if (measurement === undefined) return { outcomes: 0, metrics: {} };
  return { outcomes: rowsOf(measurement.measured), metrics: metricsOf(measurement.measured) };
}
