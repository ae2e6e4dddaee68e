import { expect, test } from 'vitest';
import type { PredictedValue } from '../../src/serving/codec/predictions.ts';
import { judgeProbe } from '../../src/serving/probe.ts';

const judge = (values: PredictedValue[], expect: unknown[] | undefined, tolerance = 0) =>
  judgeProbe(
    { input: { kind: 'records', records: values.map(() => ({})) }, expect, tolerance },
    values.map((value) => ({ value, probabilities: undefined })),
  );

test.each<[string, PredictedValue[], unknown[], number?]>([
  ['numbers', [1, 2.5], [1, 2.5]],
  ['numbers within the tolerance', [1.001, -1], [1, -1.001], 0.0011],
  ['labels', ['yes', true], ['yes', true]],
  ['arrays, deeply', [[1, ['a', 2.01]]], [[1, ['a', 2]]], 0.1],
  ['nothing', [null], [null]],
])('a probe whose answers are the expected %s passes', (_, values, expected, tolerance) => {
  expect(() => judge(values, expected, tolerance)).not.toThrow();
});

test.each<[string, PredictedValue[], unknown[], number?]>([
  ['another number', [1], [1.1], 0.05],
  ['no number', [null], [1], 1e9],
  ['another label', ['yes'], ['no']],
  ['a number for text', [1], ['1']],
  ['text for a number', ['1'], [1], 10],
  ['a shorter array', [[1]], [[1, 1]]],
  ['a longer array', [[1, 1]], [[1]]],
  ['an array for a number', [[1]], [1], 10],
])('a probe that gives %s fails', (_, values, expected, tolerance) => {
  expect(() => judge(values, expected, tolerance)).toThrow(expect.objectContaining({ code: 'GATE_FAILED' }));
});

test('the first row that differs is named, with both values', () => {
  expect(() => judge([1, 2, 3], [1, 7, 8])).toThrow(
    "The probe's row 1 gave 2, but 7 was expected (tolerance 0).",
  );
});

test('without expected values it is enough that the version answers', () => {
  expect(() => judge([null], undefined)).not.toThrow();
});

test('one expected value per row must be given', () => {
  expect(() => judge([1, 2], [1])).toThrow(expect.objectContaining({ code: 'INVALID_INPUT' }));
});
