import { describe, expect, test } from 'vitest';
import type { TensorSpec } from '../../../src/registry/signature.ts';
import { readPredictions } from '../../../src/serving/codec/predictions.ts';
import type { Tensor } from '../../../src/tensors/datatypes.ts';

/** The roles that registration gives outputs of these names. */
const roles = { label: 'label', labels: 'label', probabilities: 'probabilities', scores: 'scores' } as const;
const roleOf = (name: string) =>
  Object.entries(roles).flatMap(([known, role]) => (known === name ? [{ role }] : []))[0];

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
    ...roleOf(name),
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

  test('gives the label alone where there is nothing else', () => {
    expect(read({ label: int64([2], 1n, 0n) }, 2)).toEqual([
      { value: 1, probabilities: undefined },
      { value: 0, probabilities: undefined },
    ]);
  });
});

describe('a classifier without a label', () => {
  const probabilities = float32([2, 3], 0.25, 0.5, 0.25, 0.75, 0.125, 0.125);
  const classLabels = ['a', 'b', 'c'];

  test('has its most probable class as the value', () => {
    expect(read({ probabilities }, 2, { classLabels })[0]).toEqual({
      value: 'b',
      probabilities: [
        ['a', 0.25],
        ['b', 0.5],
        ['c', 0.25],
      ],
    });
    expect(values(read({ probabilities }, 2, { classLabels }))).toEqual(['b', 'a']);
  });

  test('is an array where its output has no role', () => {
    expect(values(read({ y: probabilities }, 2))).toEqual([
      [0.25, 0.5, 0.25],
      [0.75, 0.125, 0.125],
    ]);
  });

  test('has no most probable class where a probability is NaN', () => {
    const broken = float32([1, 2], Number.NaN, 0.75);
    expect(values(read({ probabilities: broken }, 1, { classLabels: ['a', 'b'] }))).toEqual([null]);
  });

  test('gives its largest score, and no probabilities of scores that are none', () => {
    const logits = float32([1, 3], -1, 4, 0.5);
    const prediction = { value: 'b', probabilities: undefined, scores: [-1, 4, 0.5] };
    expect(read({ scores: logits }, 1, { classLabels })).toEqual([prediction]);
    expect(read({ probabilities: logits }, 1, { classLabels })).toEqual([prediction]);
  });

  test('of one column gives the probability of the second of two classes', () => {
    const sigmoid = float32([3, 1], 0.25, 0.5, 0.75);
    const predictions = read({ probabilities: sigmoid }, 3, { classLabels: ['no', 'yes'] });
    expect(values(predictions)).toEqual(['no', 'no', 'yes']);
    expect(predictions[2]?.probabilities).toEqual([
      ['no', 0.25],
      ['yes', 0.75],
    ]);
  });

  test('of one column says so when the number can be no probability', () => {
    expect(() => read({ probabilities: float32([1], 1.5) }, 1, { classLabels: ['no', 'yes'] })).toThrow(
      expect.objectContaining({ code: 'INFERENCE_FAILED', message: expect.stringContaining('1.5') }),
    );
  });
});

describe('a model that names its classes', () => {
  const specs: TensorSpec[] = [
    { name: 'label', datatype: 'INT64', shape: [-1], role: 'label', classes: [1, 2, 5] },
    { name: 'p', datatype: 'FP32', shape: [-1, 3], role: 'probabilities' },
  ];
  const outputs = { label: int64([1], 5n), p: float32([1, 3], 0.25, 0.25, 0.5) };

  test('gives integer classes as numbers', () => {
    expect(read(outputs, 1, { specs, classLabels: ['1', '2', '5'] })).toEqual([
      {
        value: 5,
        probabilities: [
          ['1', 0.25],
          ['2', 0.25],
          ['5', 0.5],
        ],
      },
    ]);
  });

  test('has them renamed in their order', () => {
    expect(values(read(outputs, 1, { specs, classLabels: ['a', 'b', 'c'] }))).toEqual(['c']);
  });
});

describe('a label that is no class', () => {
  test('stands beside its scores', () => {
    expect(read({ label: int64([2, 1], -1n, 1n), scores: float32([2, 1], -0.5, 0.25) }, 2)).toEqual([
      { value: -1, probabilities: undefined, scores: -0.5 },
      { value: 1, probabilities: undefined, scores: 0.25 },
    ]);
  });

  test('may be several, with rows along the second axis of the scores', () => {
    const specs: TensorSpec[] = [
      { name: 'label', datatype: 'INT64', shape: [-1, 3], role: 'label' },
      { name: 'p', datatype: 'FP32', shape: [3, -1, 2], role: 'scores' },
    ];
    const p = float32([3, 2, 2], 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12);
    expect(read({ label: int64([2, 3], 0n, 1n, 0n, 1n, 1n, 1n), p }, 2, { specs })).toEqual([
      {
        value: [0, 1, 0],
        probabilities: undefined,
        scores: [
          [1, 2],
          [5, 6],
          [9, 10],
        ],
      },
      {
        value: [1, 1, 1],
        probabilities: undefined,
        scores: [
          [3, 4],
          [7, 8],
          [11, 12],
        ],
      },
    ]);
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
