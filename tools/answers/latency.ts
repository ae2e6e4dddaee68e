import { z } from 'zod';
import { noteOnQuantiles, type Quantiles } from '../../src/prediction_log/latency.ts';

const milliseconds = z.number().nullable();
const quantiles = { p50: milliseconds, p95: milliseconds, p99: milliseconds };

/** How long calls took, and of how many that is. */
export const latency = z.strictObject({ ...quantiles, calls: z.int(), note: z.string().optional() });

export function latencyAnswer(given: Quantiles): z.output<typeof latency> {
  const note = noteOnQuantiles(given);
  return { ...given, ...(note !== undefined && { note }) };
}

/** How long calls waited for a host, of their latency. */
export const queueTime = z.strictObject(quantiles).describe('Wait within latency_ms');

export function queueTimeAnswer({ p50, p95, p99 }: Quantiles): z.output<typeof queueTime> {
  return { p50, p95, p99 };
}
