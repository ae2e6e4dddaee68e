import { expect, test } from 'vitest';
import { servingMetrics } from '../../src/mlflow/serving_metrics.ts';
import { latencySketch, sketchToText } from '../../src/prediction_log/latency.ts';

const start = Date.UTC(2026, 0, 31, 12);
const minute = (index: number) => start + index * 60_000;
const sketchOf = (latencies: number[]) => {
  const sketch = latencySketch();
  for (const latency of latencies) sketch.accept(latency);
  return sketchToText(sketch);
};

test('counts, rates and latencies, a point a minute, over all journals', () => {
  const rows = [
    { minute: minute(3), calls: 1, errors: 1, latency: sketchOf([]) },
    { minute: minute(1), calls: 3, errors: 1, latency: sketchOf([10, 20]) },
    { minute: minute(1), calls: 1, errors: 0, latency: sketchOf([60]) },
    { minute: minute(2), calls: 0, errors: 0, latency: sketchOf([]) },
  ];
  const points = servingMetrics(start + 30_000, rows);
  const at = (step: number) =>
    Object.fromEntries(
      points
        .filter((point) => point.step === step)
        .map(({ key, value }) => [key.replace('serving/', ''), value]),
    );
  expect(at(1)).toEqual({
    request_count: 4,
    error_rate: 0.25,
    // Within the sketch's 1 %.
    latency_avg_ms: expect.closeTo(30, 0),
    latency_p50_ms: expect.closeTo(20, 0),
    latency_p95_ms: expect.closeTo(20, 0),
    latency_p99_ms: expect.closeTo(20, 0),
  });
  expect(at(2)).toEqual({});
  expect(at(3)).toEqual({ request_count: 1, error_rate: 1 });
  for (const { timestamp, step } of points) expect(timestamp).toBe(minute(step + 1));
});

test('the same minutes give the same points, whatever else is read with them', () => {
  const row = (index: number) => ({ minute: minute(index), calls: 1, errors: 0, latency: sketchOf([5]) });
  const all = servingMetrics(start, [row(4), row(5), row(6)]);
  expect([...servingMetrics(start, [row(4)]), ...servingMetrics(start, [row(5), row(6)])]).toEqual(all);
});
