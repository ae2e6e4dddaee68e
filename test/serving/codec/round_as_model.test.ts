import fc from 'fast-check';
import { expect, test } from 'vitest';
import { roundAsModel, shortestDecimal } from '../../../src/serving/codec/round_as_model.ts';

function rounded(datatype: Parameters<typeof roundAsModel>[1], ...values: number[]): number[] {
  const numbers = Float64Array.from(values);
  roundAsModel(numbers, datatype);
  return Array.from(numbers);
}

test('numbers are those that a tensor holds', () => {
  // numpy.float32(0.1), numpy.float16(0.1).
  expect(rounded('FP32', 0.1, 16777217, Number.NaN)).toEqual([0.10000000149011612, 16777216, Number.NaN]);
  expect(rounded('FP16', 0.1, -1 / 3)).toEqual([0.0999755859375, -0.333251953125]);
  expect(rounded('FP64', 0.1)).toEqual([0.1]);
  expect(rounded('INT64', 2 ** 53)).toEqual([2 ** 53]);
  expect(rounded(undefined, 0.1)).toEqual([0.1]);
});

test('what is beyond the range stays the extreme value it is', () => {
  expect(rounded('FP32', 1e300, -1e300)).toEqual([1e300, -1e300]);
  expect(rounded('FP16', 70_000)).toEqual([70_000]);
});

test('a float32 has its shortest decimal, and comes back from it', () => {
  expect([0.1, 21.5, 1e10, 0, -0.7].map(Math.fround).map(shortestDecimal)).toEqual([
    0.1, 21.5, 1e10, 0, -0.7,
  ]);
  expect(shortestDecimal(0.1)).toBe(0.1);
  expect(shortestDecimal(-0)).toBe(-0);
  fc.assert(
    fc.property(fc.float({ noNaN: true, noDefaultInfinity: true }), (value) => {
      expect(Math.fround(shortestDecimal(value))).toBe(value);
    }),
  );
});
