import { findVersion } from '../../registry/lookup.ts';
import type { Metric } from '../performance/index.ts';
import { rowsOf } from './compare_reference.ts';
import { metricsOf } from './measure_rows.ts';
import type { LivePerformanceDependencies } from './report.ts';

/**
 * How well a version answered in a stretch of time, by the predictions whose outcome is known, and nothing else of it:
 * no reference, no estimate, no calls. Outcomes are in the database when record_outcomes has answered: no flush needed.
 * @param time `since` (inclusive) to `until` (exclusive), milliseconds since 1970.
 * @throws VERSION_NOT_FOUND; STORAGE_UNAVAILABLE
 */
export async function measureOutcomes(
  { database, measure }: Pick<LivePerformanceDependencies, 'database' | 'measure'>,
  modelId: string,
  version: string,
  time: { since: number; until: number },
): Promise<{ outcomes: number; metrics: Record<string, Metric> }> {
  const record = await findVersion(database, modelId, version);
  const { versions } = await measure({
    // What is a drop is a question to a reference.
    versions: [{ record, ...time, dropThreshold: 0, chart: false }],
    split: undefined,
  });
  const [measurement] = versions;
  if (measurement === undefined) return { outcomes: 0, metrics: {} };
  return { outcomes: rowsOf(measurement.measured), metrics: metricsOf(measurement.measured) };
}
