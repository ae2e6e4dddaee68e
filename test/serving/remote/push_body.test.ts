import fc from 'fast-check';
import { expect, test } from 'vitest';
import { z } from 'zod';
import type { TensorSpec } from '../../../src/registry/signature.ts';
import { pushBody, tritonConfig } from '../../../src/serving/remote/push_body.ts';

const request = z.strictObject({ parameters: z.record(z.string(), z.string()) });

test('the body is JSON of the length that it says, with every byte of every file', () => {
  fc.assert(
    fc.property(
      fc.uniqueArray(
        fc.record({ name: fc.string({ minLength: 1 }), bytes: fc.uint8Array({ maxLength: 300 }) }),
        {
          selector: ({ name }) => name,
        },
      ),
      fc.string(),
      (files, text) => {
        const { bytes, parts } = pushBody({ config: { text }, files });
        const body = Buffer.concat([...parts()]);
        expect(body.length).toBe(bytes);
        const { parameters } = request.parse(JSON.parse(body.toString()));
        expect(JSON.parse(parameters.config ?? '')).toEqual({ text });
        for (const { name, bytes: content } of files)
          expect(Buffer.from(parameters[`file:1/${name}`] ?? '', 'base64').equals(content)).toBe(true);
      },
    ),
  );
});

test('parts of a large file join to it', () => {
  const large = Uint8Array.from({ length: 2_000_001 }, (_, index) => index % 251);
  const { bytes, parts } = pushBody({ config: {}, files: [{ name: 'model.onnx', bytes: large }] });
  const all = [...parts()];
  expect(all.length).toBeGreaterThan(5);
  const body = Buffer.concat(all);
  expect(body.length).toBe(bytes);
  const { parameters } = request.parse(JSON.parse(body.toString()));
  expect(Buffer.from(parameters['file:1/model.onnx'] ?? '', 'base64').equals(large)).toBe(true);
});

test('the configuration says every tensor as it is, and how many instances there are', () => {
  const model: { inputs: TensorSpec[]; outputs: TensorSpec[] } = {
    inputs: [{ name: 'x', datatype: 'BYTES', shape: [-1, 2] }],
    outputs: [{ name: 'y', datatype: 'FP16', shape: [-1] }],
  };
  expect(tritonConfig('triton', model, 3)).toEqual({
    backend: 'onnxruntime',
    max_batch_size: 0,
    input: [{ name: 'x', data_type: 'TYPE_STRING', dims: [-1, 2] }],
    output: [{ name: 'y', data_type: 'TYPE_FP16', dims: [-1] }],
    instance_group: [{ count: 3, kind: 'KIND_AUTO' }],
  });
});

test.each([
  ['no dimensions', { shape: [] }, /has no dimensions/],
  ['a dimension of size 0', { shape: [-1, 0] }, /size 0/],
  ['no known rank', { shape: [], unranked: true as const }, /no known number/],
])('a tensor with %s is refused', (_, form, said) => {
  const model = { inputs: [{ name: 'x', datatype: 'FP32' as const, ...form }], outputs: [] };
  expect(() => tritonConfig('triton', model, 1)).toThrow(said);
});
