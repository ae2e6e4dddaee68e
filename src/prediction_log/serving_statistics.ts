import type { Database } from '../storage/database.ts';
import { latencyQuantiles, latencySketch, type Quantiles, sketchFromText } from './latency.ts';

/** What all processes together served of one version. */
export interface ServingStatistics {
  calls: number;
  errors: number;
  lastCallAt: number;
  lastErrorAt: number | null;
  lastError: string | null;
  /** Of the last hour. */
  recent: {
    calls: number;
    errors: number;
    /** From arrival to answer. */
    latencyMs: Quantiles;
    /** Of that, the wait for a host. */
    queueMs: Quantiles;
  };
}

const recentMs = 3_600_000;

/** Statistics by `model@version`, for one model or all; a version that was never called has none. */
export async function readServingStatistics(
  database: Database,
  modelId: string | undefined,
  now: number,
): Promise<Map<string, ServingStatistics>> {
  let totals = database.selectFrom('serving_totals').selectAll();
  let minutes = database
    .selectFrom('serving_minutes')
    .selectAll()
    .where('minute', '>=', now - recentMs);
  if (modelId !== undefined) {
    totals = totals.where('model_id', '=', modelId);
    minutes = minutes.where('model_id', '=', modelId);
  }
  const recent = await minutes.execute();
  const statistics = new Map<string, ServingStatistics>();
  for (const row of await totals.execute()) {
    const own = recent.filter((minute) => minute.model_id === row.model_id && minute.version === row.version);
    const sketch = latencySketch();
    const queue = latencySketch();
    for (const minute of own) {
      sketch.merge(sketchFromText(minute.latency));
      queue.merge(sketchFromText(minute.queue));
    }
    statistics.set(`${row.model_id}@${row.version}`, {
      calls: row.calls,
      errors: row.errors,
      lastCallAt: row.last_call_at,
      lastErrorAt: row.last_error_at,
      lastError: row.last_error,
      recent: {
        calls: own.reduce((sum, minute) => sum + minute.calls, 0),
        errors: own.reduce((sum, minute) => sum + minute.errors, 0),
        latencyMs: latencyQuantiles(sketch),
        queueMs: latencyQuantiles(queue),
      },
    });
  }
  return statistics;
}
