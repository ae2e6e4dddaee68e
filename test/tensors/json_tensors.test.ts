import { expect, test } from 'vitest';
import { tensorOfJson } from '../../src/tensors/json_tensors.ts';

test.each([
  [
    [2, 2],
    [1, 2, 3, 4],
  ],
  [
    [2, 2],
    [
      [1, 2],
      [3, 4],
    ],
  ],
  [
    [2, 2, 1],
    [
      [1, 2],
      [3, 4],
    ],
  ],
  [
    [2, 1, 2],
    [[[1, 2]], [[3, 4]]],
  ],
  [
    [2, 2],
    [
      [[1], [2]],
      [[3], [4]],
    ],
  ],
])('shape %j takes %j, row by row', (shape, data) => {
  expect(tensorOfJson({ datatype: 'INT32', shape, data })).toEqual({
    datatype: 'INT32',
    shape,
    data: new Int32Array([1, 2, 3, 4]),
  });
});

test.each([
  [
    [2, 2],
    [[1, 2, 3], [4]],
  ],
  [[2, 2], [[1, 2, 3, 4]]],
  [
    [2, 2],
    [1, [2, 3], 4],
  ],
  [
    [2, 2],
    [[1, 2], 3, 4],
  ],
  [
    [2, 2],
    [[[1, 2]], [[3, 4]]],
  ],
  [[4], [[1, 2, 3, 4]]],
  [[], [[1]]],
])('shape %j does not take %j, whose rows are others', (shape, data) => {
  expect(tensorOfJson({ datatype: 'INT32', shape, data })).toBe(
    ` is nested otherwise than its shape [${shape}] says`,
  );
});
