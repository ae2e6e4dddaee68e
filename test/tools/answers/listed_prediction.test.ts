import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { LoggedPrediction } from '../../../src/prediction_log/list.ts';
import { fittingPage } from '../../../tools/answers/fitting_page.ts';
import { describePrediction, describeWithin } from '../../../tools/answers/listed_prediction.ts';

const logged = (index: number, more: Partial<LoggedPrediction> = {}): LoggedPrediction => ({
  modelId: 'm',
  predictionId: `01a223da-88c0-7248-8855-${String(index).padStart(12, '0')}`,
  version: '1',
  at: 1_700_000_000_000 + index,
  route: 'active',
  entityKey: null,
  traceId: null,
  latencyMs: 1.5,
  features: [
    ['age', 40],
    ['city', 'Bern'],
  ],
  value: 1,
  probabilities: null,
  error: null,
  actual: undefined,
  ...more,
});

test('what has room is shown whole', () => {
  const rows = Array.from({ length: 25 }, (_, index) => logged(index));
  expect(fittingPage(rows, describeWithin)).toEqual(rows.map(describePrediction));
});

test('what has none is counted: the likeliest classes, the first features, the beginning of arrays and texts', () => {
  const features = Array.from({ length: 300 }, (_, index): [string, unknown] => [
    `feature ${index}`,
    index / 3,
  ]);
  const probabilities = Array.from({ length: 100 }, (_, index): [string, number] => [
    `class ${index}`,
    index / 4950,
  ]);
  const value = Array.from({ length: 500 }, (_, index) => index / 7);
  const rows = Array.from({ length: 25 }, (_, index) => logged(index, { features, probabilities, value }));
  const shown = fittingPage(rows, describeWithin);
  for (const one of shown) {
    expect(one.value).toEqual(value.slice(0, 8));
    expect(Object.keys(one.probabilities ?? {})[0]).toBe('class 99');
    const kept = Object.keys(one.features ?? {}).length;
    expect(one.left_out).toMatchObject({ features: 300 - kept, value: 492 });
  }
});

test('a page is under 2 000 tokens, whatever its rows, and has one row at least', () => {
  const text = fc.string({ maxLength: 5000 });
  const row = fc.record({
    entityKey: fc.option(text),
    error: fc.option(text),
    value: fc.oneof(text, fc.double(), fc.array(fc.double(), { maxLength: 400 })),
    actual: fc.oneof(fc.constant(undefined), text),
    features: fc.option(
      fc.array(fc.tuple(fc.string({ maxLength: 300 }), fc.jsonValue()), { maxLength: 100 }),
    ),
    probabilities: fc.option(
      fc.array(fc.tuple(fc.string({ maxLength: 300 }), fc.double({ min: 0, max: 1, noNaN: true }))),
    ),
  });
  fc.assert(
    fc.property(fc.array(row, { minLength: 1, maxLength: 60 }), (rows) => {
      const shown = fittingPage(
        rows.map((more, index) => logged(index, more)),
        describeWithin,
      );
      expect(shown.length).toBeGreaterThan(0);
      expect(JSON.stringify(shown).length).toBeLessThan(8000);
    }),
    { numRuns: 50 },
  );
});
