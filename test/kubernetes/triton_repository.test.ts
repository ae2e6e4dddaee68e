import { expect, test } from 'vitest';
import { tritonConfiguration, tritonVersion } from '../../src/kubernetes/triton_repository.ts';
import type { TensorSpec } from '../../src/registry/signature.ts';

const spec = (given: Partial<TensorSpec>): TensorSpec => ({
  name: 'x',
  datatype: 'FP32',
  shape: [-1, 3],
  ...given,
});

test('a configuration names every tensor, and joins no calls', () => {
  const outputs = [spec({ name: 'label', datatype: 'BYTES', shape: [-1] })];
  expect(tritonConfiguration('nba', { inputs: [spec({})], outputs })).toBe(
    [
      'name: "nba"',
      'backend: "onnxruntime"',
      'max_batch_size: 0',
      'input { name: "x" data_type: TYPE_FP32 dims: [ -1, 3 ] }',
      'output { name: "label" data_type: TYPE_STRING dims: [ -1 ] }',
      '',
    ].join('\n'),
  );
});

test('names are text of protobuf whatever is in them', () => {
  const inputs = [spec({ name: 'a "b"\\\nü' })];
  expect(tritonConfiguration('m', { inputs, outputs: [] })).toContain(
    String.raw`name: "a \042b\042\134\012\303\274"`,
  );
});

test.each<[string, Partial<TensorSpec>]>([
  ['no dimensions', { shape: [] }],
  ['no known number of dimensions', { shape: [], unranked: true }],
  ['a dimension of size 0', { shape: [-1, 0] }],
])('a tensor with %s is refused', (what, given) => {
  expect(() => tritonConfiguration('m', { inputs: [spec(given)], outputs: [] })).toThrow(
    `The tensor "x" has ${what}`,
  );
});

test.each([
  ['7', '7'],
  ['v7', '1'],
  ['0', '1'],
  ['07', '1'],
  ['1.2', '1'],
])('the version %s is in the folder %s', (version, folder) => {
  expect(tritonVersion(version)).toBe(folder);
});
