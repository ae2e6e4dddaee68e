import { DDSketch } from '@datadog/sketches-js';

/** A quantile sketch of latencies in milliseconds, 1 % relative error, mergeable. */
export function latencySketch(): DDSketch {
  return new DDSketch({ relativeAccuracy: 0.01 });
}

/** As text, for a column of the same type on both databases. */
export function sketchToText(sketch: DDSketch): string {
  return Buffer.from(sketch.toProto()).toString('base64');
}

/** The sketch of a column; an empty one where that is null. */
export function sketchFromText(text: string | null): DDSketch {
  if (text === null) return latencySketch();
  return DDSketch.fromProto(Buffer.from(text, 'base64'));
}

export interface Quantiles {
  p50: number | null;
  p95: number | null;
  p99: number | null;
  /** Number of calls that they are computed from. */
  calls: number;
}

export const noQuantiles: Quantiles = { p50: null, p95: null, p99: null, calls: 0 };

/** With fewer calls a p95 or p99 is just one of the slowest few. */
const fewCalls = 100;

/** The note that goes with quantiles of few calls; undefined for many calls or none. */
export function noteOnQuantiles({ calls }: Pick<Quantiles, 'calls'>): string | undefined {
  if (calls === 0 || calls >= fewCalls) return undefined;
  return calls === 1
    ? 'p95 and p99 are the one call that there was.'
    : `p95 and p99 are of ${calls} calls: below ${fewCalls} each is a single call.`;
}

/** The latency quantiles a caller sees; null without calls. */
export function latencyQuantiles(sketch: DDSketch): Quantiles {
  const at = (quantile: number) =>
    sketch.count === 0 ? null : Number(sketch.getValueAtQuantile(quantile).toPrecision(4));
  return { p50: at(0.5), p95: at(0.95), p99: at(0.99), calls: sketch.count };
}
