import { DDSketch } from '@datadog/sketches-js';

/** A quantile sketch of latencies in milliseconds, 1 % relative error, mergeable. */
export function latencySketch(): DDSketch {
  return new DDSketch({ relativeAccuracy: 0.01 });
}

/** As text, for a column that is the same on both databases. */
export function sketchToText(sketch: DDSketch): string {
  return Buffer.from(sketch.toProto()).toString('base64');
}

export function sketchFromText(text: string): DDSketch {
  return DDSketch.fromProto(Buffer.from(text, 'base64'));
}

/** The latency quantiles a caller sees; null without calls. */
export function latencyQuantiles(sketch: DDSketch): {
  p50: number | null;
  p95: number | null;
  p99: number | null;
} {
  const at = (quantile: number) =>
    sketch.count === 0 ? null : Number(sketch.getValueAtQuantile(quantile).toPrecision(4));
  return { p50: at(0.5), p95: at(0.95), p99: at(0.99) };
}
