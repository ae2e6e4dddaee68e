import { describe, expect, test } from 'vitest';
import type { TensorSpec } from '../../../src/registry/signature.ts';
import type { Tensor } from '../../../src/serving/codec/datatypes.ts';
import { readPredictions } from '../../../src/serving/codec/predictions.ts';

/** Outputs of a run of `rows` rows, with the specs of a model that gives them (its first dimension is free). */
function read(
  outputs: Record<string, Tensor>,
  rows: number,
  { classLabels, specs }: { classLabels?: string[]; specs?: TensorSpec[] } = {},
) {
  const derived = Object.entries(outputs).map(([name, { datatype, shape }]) => ({
    name,
    datatype,
    shape: shape.map((dimension, axis) => (axis === 0 ? -1 : dimension)),
  }));
  return readPredictions(specs ?? derived, new Map(Object.entries(outputs)), classLabels, rows);
}

const float32 = (shape: number[], ...values: number[]): Tensor => ({
  datatype: 'FP32',
  shape,
  data: Float32Array.from(values),
});
const int64 = (shape: number[], ...values: bigint[]): Tensor => ({
  datatype: 'INT64',
  shape,
  data: BigInt64Array.from(values),
});
const text = (shape: number[], ...values: string[]): Tensor => ({ datatype: 'BYTES', shape, data: values });
const values = (predictions: { value: unknown }[]) => predictions.map(({ value }) => value);

describe('a classifier with a label and probabilities', () => {
  const probabilities = float32([2, 3], 0.5, 0.25, 0.25, 0, 0.125, 0.875);

  test('gives integer labels as numbers, with probabilities by class number', () => {
    expect(read({ label: int64([2], 0n, 2n), probabilities }, 2)).toEqual([
      {
        value: 0,
        probabilities: [
          ['0', 0.5],
          ['1', 0.25],
          ['2', 0.25],
        ],
      },
      {
        value: 2,
        probabilities: [
          ['0', 0],
          ['1', 0.125],
          ['2', 0.875],
        ],
      },
    ]);
  });

  test('gives the class labels for integer labels', () => {
    const predictions = read({ label: int64([2, 1], 0n, 2n), probabilities }, 2, {
      classLabels: ['lost', 'drawn', 'won'],
    });
    expect(values(predictions)).toEqual(['lost', 'won']);
    expect(predictions[1]?.probabilities).toEqual([
      ['lost', 0],
      ['drawn', 0.125],
      ['won', 0.875],
    ]);
  });

  test('leaves an integer outside the class labels the number it is', () => {
    const labels = int64([2], -1n, 7n);
    expect(values(read({ labels, probabilities }, 2, { classLabels: ['a', 'b', 'c'] }))).toEqual([-1, 7]);
  });

  test('gives text labels as they are', () => {
    const predictions = read({ label: text([2], 'high', 'low'), probabilities }, 2, {
      classLabels: ['high', 'low', 'medium'],
    });
    expect(values(predictions)).toEqual(['high', 'low']);
    expect(predictions[0]?.probabilities?.[0]).toEqual(['high', 0.5]);
  });

  test('gives the label alone when ZipMap made the probabilities unreadable', () => {
    expect(read({ label: int64([2], 1n, 0n) }, 2)).toEqual([
      { value: 1, probabilities: undefined },
      { value: 0, probabilities: undefined },
    ]);
  });
});

describe('a single float output with class labels', () => {
  const scores = float32([2, 3], 0.25, 0.5, 0.25, 0.75, 0.125, 0.125);

  test('is read as probabilities, the most probable class being the value', () => {
    expect(values(read({ scores }, 2, { classLabels: ['a', 'b', 'c'] }))).toEqual(['b', 'a']);
  });

  test('is an array without class labels', () => {
    expect(values(read({ scores }, 2))).toEqual([
      [0.25, 0.5, 0.25],
      [0.75, 0.125, 0.125],
    ]);
  });

  test('has no most probable class where a probability is NaN', () => {
    const broken = float32([1, 2], Number.NaN, 0.75);
    expect(values(read({ broken }, 1, { classLabels: ['a', 'b'] }))).toEqual([null]);
  });
});

describe('any other model', () => {
  test.each([[[3]], [[3, 1]]])('of output shape %j gives a number a row', (shape) => {
    expect(values(read({ y: float32(shape, 1, 2, 3) }, 3))).toEqual([1, 2, 3]);
  });

  test('gives NaN and infinities as null', () => {
    expect(values(read({ y: float32([3, 1], Number.NaN, Number.NEGATIVE_INFINITY, 1) }, 3))).toEqual([
      null,
      null,
      1,
    ]);
  });

  test('gives an array nested like the rest of the shape', () => {
    expect(values(read({ y: float32([2, 2, 2], 1, 2, 3, 4, 5, 6, 7, 8) }, 2))).toEqual([
      [
        [1, 2],
        [3, 4],
      ],
      [
        [5, 6],
        [7, 8],
      ],
    ]);
  });

  test('gives its outputs in order, where it has several', () => {
    expect(values(read({ p: float32([2, 1], 1, 2), q: float32([2, 2], 3, 4, 5, 6) }, 2))).toEqual([
      [1, [3, 4]],
      [2, [5, 6]],
    ]);
  });

  test('gives an output that belongs to all rows together to every row', () => {
    expect(values(read({ total: float32([], 42) }, 2))).toEqual([42, 42]);
  });

  test('gives truth values and whole numbers beyond 2^53 exactly', () => {
    const flags: Tensor = { datatype: 'BOOL', shape: [2, 1], data: Uint8Array.of(1, 0) };
    expect(values(read({ flags }, 2))).toEqual([true, false]);
    expect(values(read({ y: int64([1, 1], 2n ** 60n) }, 1))).toEqual(['1152921504606846976']);
  });
});
