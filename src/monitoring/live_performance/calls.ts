import {
  latencyQuantiles,
  latencySketch,
  type Quantiles,
  sketchFromText,
} from '../../prediction_log/latency.ts';
import type { Database } from '../../storage/database.ts';
import type { Metric } from '../performance/index.ts';
import { shareMetric } from '../performance/index.ts';

/** The calls of a version in a stretch of time, from all processes. */
export interface CallStatistics {
  calls: number;
  errors: number;
  errorRate: Metric;
  /** From arrival to answer. */
  latencyMs: Quantiles;
  /** Of that, the wait for a host. */
  queueMs: Quantiles;
  /** Over the whole time, and in the busiest minute. */
  callsPerSecond: number;
  peakCallsPerMinute: number;
}

const minuteMs = 60_000;

/**
 * Calls by version, counted by whole minutes: that of `since` counts too. The log is to be flushed before.
 * @param since and `until` in milliseconds since 1970; until exclusive.
 */
export async function readCalls(
  database: Database,
  modelId: string,
  since: number,
  until: number,
): Promise<Map<string, CallStatistics>> {
  const rows = await database
    .selectFrom('serving_minutes')
    .select(['version', 'minute', 'calls', 'errors', 'latency', 'queue'])
    .where('model_id', '=', modelId)
    .where('minute', '>', since - minuteMs)
    .where('minute', '<', until)
    .execute();
  const versions = new Map<string, typeof rows>();
  for (const row of rows) {
    const own = versions.get(row.version);
    if (own === undefined) versions.set(row.version, [row]);
    else own.push(row);
  }
  return new Map(Array.from(versions, ([version, own]) => [version, statisticsOf(own, until - since)]));
}

export function noCalls(): CallStatistics {
  return statisticsOf([], 1);
}

function statisticsOf(
  minutes: readonly {
    minute: number;
    calls: number;
    errors: number;
    latency: string;
    queue: string | null;
  }[],
  spanMs: number,
): CallStatistics {
  const sketch = latencySketch();
  const queue = latencySketch();
  const byMinute = new Map<number, number>();
  let [calls, errors] = [0, 0];
  for (const row of minutes) {
    sketch.merge(sketchFromText(row.latency));
    queue.merge(sketchFromText(row.queue));
    byMinute.set(row.minute, (byMinute.get(row.minute) ?? 0) + row.calls);
    calls += row.calls;
    errors += row.errors;
  }
  return {
    calls,
    errors,
    errorRate: shareMetric(errors, calls, 'There were no calls.'),
    latencyMs: latencyQuantiles(sketch),
    queueMs: latencyQuantiles(queue),
    callsPerSecond: calls / (spanMs / 1000),
    peakCallsPerMinute: Math.max(0, ...byMinute.values()),
  };
}
