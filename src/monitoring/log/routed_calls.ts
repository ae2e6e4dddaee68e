import type { Database } from '../../storage/database.ts';
import { readUnchanged } from './changing.ts';
import { openSegment } from './open_segment.ts';
import { cellOf, numbersOf } from './segment.ts';

/** A row of the log, by who answered whom. The rows of one call have its time, latency and version. */
export interface RoutedRow {
  version: string;
  entityKey: string | null;
  at: number;
  latencyMs: number;
}

const columns = new Set(['at', 'route', 'entity_key', 'latency_ms']);

/** The newest rows, `limit` at most, of calls that the route's weights sent to one of the versions since a time. */
export function readWeightedRows(
  database: Database,
  request: { modelId: string; versions: readonly string[]; since: number; limit: number },
): Promise<RoutedRow[]> {
  const { modelId, versions, since, limit } = request;
  return readUnchanged(async () => {
    const segments = await database
      .selectFrom('prediction_segments')
      .select(['segment_id', 'version', 'rows'])
      .where('model_id', '=', modelId)
      .where('version', 'in', versions)
      .where('max_at', '>=', since)
      .orderBy('max_at', 'desc')
      .execute();
    const found: RoutedRow[] = [];
    for (const listed of segments) {
      const { answers, at, rows, version } = await openSegment(database, listed, ['answers'], columns);
      const latencies = numbersOf(answers.get('latency_ms'), rows);
      for (let row = rows - 1; row >= 0 && found.length < limit; row--) {
        const time = at[row] ?? 0;
        if (time < since) break;
        if (cellOf(answers, 'route', row) !== 'weighted') continue;
        const key = cellOf(answers, 'entity_key', row);
        found.push({
          version,
          entityKey: typeof key === 'string' ? key : null,
          at: time,
          latencyMs: latencies[row] ?? 0,
        });
      }
      if (found.length >= limit) break;
    }
    return found;
  });
}
