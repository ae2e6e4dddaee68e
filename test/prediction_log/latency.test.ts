import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  latencyQuantiles,
  latencySketch,
  sketchFromText,
  sketchToText,
} from '../../src/prediction_log/latency.ts';

/** 1 % of the sketch, and the four digits that are shown. */
const accuracy = 0.01 + 0.0005;

test('quantiles are within 1 % of the exact ones, also through the database and merged', () => {
  const latency = fc.double({ min: 1e-3, max: 1e6, noNaN: true });
  fc.assert(
    fc.property(
      fc.array(fc.array(latency, { minLength: 1, maxLength: 100 }), { minLength: 1, maxLength: 5 }),
      (minutes) => {
        const merged = latencySketch();
        for (const minute of minutes) {
          const sketch = latencySketch();
          // As in the journal's row: restored from text before every further batch.
          const restored = sketchFromText(sketchToText(sketch));
          for (const value of minute) restored.accept(value);
          merged.merge(sketchFromText(sketchToText(restored)));
        }
        const sorted = minutes.flat().sort((a, b) => a - b);
        const quantiles = latencyQuantiles(merged);
        for (const [share, found] of [
          [0.5, quantiles.p50],
          [0.95, quantiles.p95],
          [0.99, quantiles.p99],
        ] as const) {
          const exact = sorted[Math.floor(share * (sorted.length - 1))] ?? Number.NaN;
          expect(Math.abs((found ?? Number.NaN) - exact)).toBeLessThanOrEqual(accuracy * exact);
        }
      },
    ),
  );
});

test('without calls there are no quantiles', () => {
  expect(latencyQuantiles(latencySketch())).toEqual({ calls: 0, p50: null, p95: null, p99: null });
});
