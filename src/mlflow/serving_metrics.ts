import { latencyQuantiles, latencySketch, sketchFromText } from '../prediction_log/latency.ts';
import type { Metric } from './rest.ts';

/** One minute of a version's calls through one journal, as the database has it. */
export interface ServedMinute {
  /** Start, milliseconds since 1970. */
  minute: number;
  calls: number;
  errors: number;
  /** Latency sketch as text. */
  latency: string;
}

export const minuteMs = 60_000;

/**
 * What a version served, minute by minute: request count, error rate, mean and quantiles of the latency in
 * milliseconds. Time is the end of the minute, step its number since the deployment, the same whenever it is
 * computed. Minutes without calls have no metrics.
 */
export function servingMetrics(startedAt: number, rows: readonly ServedMinute[]): Metric[] {
  const first = Math.floor(startedAt / minuteMs) * minuteMs;
  const minutes = [...new Set(rows.map(({ minute }) => minute))].sort((a, b) => a - b);
  return minutes.flatMap((minute) => {
    const own = rows.filter((row) => row.minute === minute);
    const calls = own.reduce((sum, row) => sum + row.calls, 0);
    if (calls === 0) return [];
    const errors = own.reduce((sum, row) => sum + row.errors, 0);
    const sketch = latencySketch();
    for (const row of own) sketch.merge(sketchFromText(row.latency));
    const quantiles = latencyQuantiles(sketch);
    const values: [string, number | null][] = [
      ['serving/request_count', calls],
      ['serving/error_rate', errors / calls],
      ['serving/latency_avg_ms', meanOf(sketch)],
      ['serving/latency_p50_ms', quantiles.p50],
      ['serving/latency_p95_ms', quantiles.p95],
      ['serving/latency_p99_ms', quantiles.p99],
    ];
    const step = (minute - first) / minuteMs;
    return values.flatMap(([key, value]) =>
      value === null ? [] : [{ key, value, timestamp: minute + minuteMs, step }],
    );
  });
}

/** Values of a sketch that its mean is taken over, at most. */
const maxValues = 1000;

/**
 * The mean of a sketch, within its 1 % for up to a thousand values, of more by evenly spaced quantiles: a sketch that
 * was stored has lost its sum.
 */
function meanOf(sketch: ReturnType<typeof latencySketch>): number | null {
  const values = Math.min(sketch.count, maxValues);
  if (values === 0) return null;
  let sum = 0;
  for (let index = 0; index < values; index++)
    sum += sketch.getValueAtQuantile(values === 1 ? 0.5 : index / (values - 1));
  return Number((sum / values).toPrecision(4));
}
