import { setImmediate as turn } from 'node:timers/promises';
import type { Database } from '../storage/database.ts';
import type { ServingMinuteRow } from '../storage/schema.ts';
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
/** Minutes whose sketches are read before other calls have a turn. */
const minutesATurn = 200;

/** Statistics by `model@version`, for some models or all; a version that was never called has none. */
export async function readServingStatistics(
  database: Database,
  modelIds: readonly string[] | undefined,
  now: number,
): Promise<Map<string, ServingStatistics>> {
  let totals = database.selectFrom('serving_totals').selectAll();
  let minutes = database
    .selectFrom('serving_minutes')
    .selectAll()
    .where('minute', '>=', now - recentMs);
  if (modelIds !== undefined) {
    totals = totals.where('model_id', 'in', modelIds);
    minutes = minutes.where('model_id', 'in', modelIds);
  }
  const recent = new Map<string, ServingMinuteRow[]>();
  for (const row of await minutes.execute()) {
    const key = `${row.model_id}@${row.version}`;
    const own = recent.get(key);
    if (own === undefined) recent.set(key, [row]);
    else own.push(row);
  }
  let read = 0;
  const statistics = new Map<string, ServingStatistics>();
  for (const row of await totals.execute()) {
    const own = recent.get(`${row.model_id}@${row.version}`) ?? [];
    const sketch = latencySketch();
    const queue = latencySketch();
    for (const minute of own) {
      sketch.merge(sketchFromText(minute.latency));
      queue.merge(sketchFromText(minute.queue));
      read++;
      if (read % minutesATurn === 0) await turn();
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
