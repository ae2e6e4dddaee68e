import fc from 'fast-check';
import { expect, test } from 'vitest';
import { datatypes } from '../../src/registry/datatypes.ts';
import { deriveFeatures, type TensorSpec } from '../../src/registry/signature.ts';
import { rowDigests } from '../../src/serving/caller_ids.ts';
import { encodeInput, loggedFeatures, rowCount } from '../../src/serving/predict_input.ts';
import { jsonOfTensor, type TensorJson, tensorOfJson } from '../../src/tensors/json_tensors.ts';
import { versionRecord } from '../registry/version_record.ts';
import { acceptedValue } from '../tensors/values.ts';

/** Tensors of a few tabular inputs with the same number of rows, as JSON. */
const tables = fc
  .tuple(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 3 }))
  .chain(([rows, width]) =>
    fc.tuple(
      ...datatypes.map((datatype) =>
        fc
          .array(acceptedValue(datatype), { minLength: rows * width, maxLength: rows * width })
          .map((data): [string, TensorJson] => [datatype, { datatype, shape: [rows, width], data }]),
      ),
    ),
  );

function recordOf(tensors: readonly [string, TensorJson][]) {
  const inputs = tensors.map(
    ([name, { datatype, shape }]): TensorSpec => ({ name, datatype, shape: [-1, shape[1] ?? 1] }),
  );
  const { features } = deriveFeatures(inputs, undefined);
  return versionRecord({ signature: { inputs, outputs: [], features }, classLabels: undefined });
}

function typed(tensors: readonly [string, TensorJson][]) {
  return new Map(
    tensors.map(([name, json]) => {
      const tensor = tensorOfJson(json);
      if (typeof tensor === 'string') throw new Error(name + tensor);
      return [name, tensor];
    }),
  );
}

test('typed tensors are the same call as their JSON: what the model gets, the rows, and what is logged', () => {
  fc.assert(
    fc.property(tables, (tensors) => {
      const record = recordOf(tensors);
      // The log has the numbers that were given, which JSON may have written with more digits than the datatype keeps.
      const json = {
        kind: 'tensors' as const,
        tensors: new Map([...typed(tensors)].map(([name, tensor]) => [name, jsonOfTensor(tensor)])),
      };
      const given = { kind: 'typed' as const, tensors: typed(tensors) };
      const encoded = encodeInput(record, given);
      expect(encoded).toEqual(encodeInput(record, json));
      const rows = rowCount(record.signature, given, encoded);
      expect(rows).toBe(rowCount(record.signature, json, encoded));
      expect(loggedFeatures(record, given, rows)).toEqual(loggedFeatures(record, json, rows));
    }),
    { numRuns: 50 },
  );
});

test('NaN and infinities are logged as null', () => {
  const record = recordOf([['FP32', { datatype: 'FP32', shape: [3, 1], data: [] }]]);
  const tensors = typed([['FP32', { datatype: 'FP32', shape: [3, 1], data: ['NaN', '-Infinity', 0.5] }]]);
  expect(loggedFeatures(record, { kind: 'typed', tensors }, 3)).toEqual([['FP32', [null, null, 0.5]]]);
});

test('a row of typed tensors has one digest, whatever the order of the inputs, and another where a bit differs', () => {
  const of = (data: number[], names = ['a', 'b']) =>
    rowDigests(
      {
        kind: 'typed',
        tensors: typed(names.map((name) => [name, { datatype: 'FP32', shape: [2, 1], data }])),
      },
      2,
      'someone',
    );
  expect(of([1, 2], ['b', 'a'])).toEqual(of([1, 2]));
  expect(new Set([...of([1, 2]), ...of([1, 2.0000002])]).size).toBe(4);
});

test('a typed tensor of another datatype or shape is refused, with what is expected', () => {
  const record = recordOf([['x', { datatype: 'INT32', shape: [1, 3], data: [] }]]);
  const call = (tensor: TensorJson) => () =>
    encodeInput(record, { kind: 'typed', tensors: typed([['x', tensor]]) });
  for (const wrong of [
    { datatype: 'INT64' as const, shape: [1, 3], data: [1, 2, 3] },
    { datatype: 'INT32' as const, shape: [3], data: [1, 2, 3] },
  ])
    expect(call(wrong)).toThrow(
      expect.objectContaining({ code: 'SIGNATURE_MISMATCH', hint: 'Expected: x INT32[-1,3].' }),
    );
});
