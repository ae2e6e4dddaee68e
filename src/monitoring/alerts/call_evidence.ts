import type { DDSketch } from '@datadog/sketches-js';
import { latencySketch, sketchFromText } from '../../prediction_log/latency.ts';
import type { Database } from '../../storage/database.ts';
import type { CallCounts } from './rules/error_rate.ts';
import { leastCalls, quantileLowerBound } from './rules/evidence_bounds.ts';
import type { LatencyQuantiles } from './rules/latency.ts';

export type CallEvidence = CallCounts & LatencyQuantiles;

const minuteMs = 60_000;
/** The last ten minutes count; where they hold few calls, earlier minutes too, up to an hour. */
const shortestMinutes = 10;
const longestMinutes = 60;

/** The recent calls of every version that has some, by `model@version`, from all processes. */
export async function readCallEvidence(database: Database, now: number): Promise<Map<string, CallEvidence>> {
  const rows = await database
    .selectFrom('serving_minutes')
    .select(['model_id', 'version', 'minute', 'calls', 'errors', 'latency'])
    .where('minute', '>', now - (longestMinutes + 1) * minuteMs)
    .where('minute', '<=', now)
    .orderBy('minute', 'desc')
    .execute();
  const versions = new Map<string, typeof rows>();
  for (const row of rows) {
    const key = `${row.model_id}@${row.version}`;
    const own = versions.get(key);
    if (own === undefined) versions.set(key, [row]);
    else own.push(row);
  }
  return new Map([...versions].map(([key, own]) => [key, countCalls(own, now)]));
}

interface Minute {
  minute: number;
  calls: number;
  errors: number;
  latency: string;
}

/** @param minutes newest first. */
function countCalls(minutes: readonly Minute[], now: number): CallEvidence {
  const sketch = latencySketch();
  let calls = 0;
  let errors = 0;
  let stretch = shortestMinutes;
  for (const minute of minutes) {
    // The current minute has not ended, so it does not count towards the length of the window.
    const age = Math.floor((now - minute.minute) / minuteMs);
    if (age > shortestMinutes && calls >= leastCalls) break;
    stretch = Math.max(stretch, age);
    calls += minute.calls;
    errors += minute.errors;
    sketch.merge(sketchFromText(minute.latency));
  }
  return {
    calls,
    errors,
    minutes: stretch,
    p50: quantile(sketch, 0.5),
    p95: quantile(sketch, 0.95),
    p95AtLeast: quantile(sketch, quantileLowerBound(0.95, calls)),
  };
}

function quantile(sketch: DDSketch, share: number): number | null {
  return sketch.count === 0 ? null : Number(sketch.getValueAtQuantile(share).toPrecision(4));
}
