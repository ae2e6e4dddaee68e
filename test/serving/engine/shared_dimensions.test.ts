import { expect, test } from 'vitest';
import type { NamedTensors } from '../../../src/serving/engine/protocol.ts';
import { dimensionMismatch } from '../../../src/serving/engine/shared_dimensions.ts';

const named = [
  { input: 'a', names: ['batch', 'n'] },
  { input: 'b', names: ['batch', 'n', null] },
];

const shaped = (a: number[], b: number[]): NamedTensors =>
  new Map(
    Object.entries({ a, b }).map(([name, shape]) => [
      name,
      { datatype: 'FP32', shape, data: new Float32Array(0) },
    ]),
  );

test('sizes of one name must be equal, whatever has none', () => {
  expect(dimensionMismatch(named, shaped([2, 3], [2, 3, 9]))).toBeUndefined();
  expect(dimensionMismatch(named, shaped([2, 3], [2, 4, 9]))).toMatchObject({
    code: 'SIGNATURE_MISMATCH',
    message: 'The model\'s dimension "n" is 3 in "a", but 4 in "b".',
  });
  expect(dimensionMismatch(named, shaped([1, 3], [2, 3, 1]))?.message).toContain(
    '"batch" is 1 in "a", but 2 in "b"',
  );
});

test('of one input too', () => {
  const square = [{ input: 'a', names: ['side', 'side'] }];
  expect(dimensionMismatch(square, shaped([2, 2], []))).toBeUndefined();
  expect(dimensionMismatch(square, shaped([2, 3], []))?.message).toContain(
    '"side" is 2 in "a", but 3 in "a"',
  );
});
