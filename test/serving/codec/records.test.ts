import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { datatypes } from '../../../src/registry/datatypes.ts';
import { deriveFeatures, type Signature, type TensorSpec } from '../../../src/registry/signature.ts';
import { encodeRecords, type JsonRecord } from '../../../src/serving/codec/records.ts';
import { readElement } from '../../../src/tensors/elements.ts';
import { acceptedValue } from '../../tensors/values.ts';

function signatureOf(inputs: TensorSpec[], featureNames?: string[]): Signature {
  return { inputs, outputs: [], features: deriveFeatures(inputs, featureNames).features };
}

const oddNames = ['__proto__', 'constructor', 'toString', '1', ' a b ', 'x/y', '', 'ä', 'length'];

/** Inputs of rank 1 and 2, names of which some are odd, and records that fit them. */
const signatureAndRecords = fc
  .array(fc.tuple(fc.constantFrom(...datatypes), fc.constantFrom(undefined, 1, 2, 3)), {
    minLength: 1,
    maxLength: 4,
  })
  .chain((kinds) => {
    const inputs = kinds.map(([datatype, width], index) => ({
      name: `input${index}`,
      datatype,
      shape: width === undefined ? [-1] : [-1, width],
    }));
    const columns = kinds.reduce((sum, [, width]) => sum + (width ?? 1), 0);
    return fc
      .uniqueArray(fc.oneof(fc.constantFrom(...oddNames), fc.string()), {
        minLength: columns,
        maxLength: columns,
      })
      .chain((names) => {
        const signature = signatureOf(inputs, names);
        const row = fc.tuple(...signature.features.map(({ datatype }) => acceptedValue(datatype)));
        return fc.tuple(fc.constant(signature), fc.array(row, { minLength: 1, maxLength: 5 }));
      });
  });

/** A record as JSON.parse makes it: `__proto__` is a key like any other. */
function recordOf(names: readonly string[], values: readonly unknown[]): JsonRecord {
  return Object.fromEntries(names.map((name, index) => [name, values[index]]));
}

test('what is wrong is said with names and values of which everything is visible', () => {
  const signature = signatureOf([{ name: 'x', datatype: 'FP32', shape: [-1, 2] }], ['age\n', '\u202eyear']);
  const fault = (record: JsonRecord) => {
    try {
      return encodeRecords(signature, [record]);
    } catch (error) {
      return error;
    }
  };
  expect(fault({ '\u202eyear': 1, 'a\u200bge': 2 })).toMatchObject({
    message: "Row 0 does not have the model's features: missing age\\u{a}; unknown a\\u{200b}ge.",
    hint: expect.stringContaining('age\\u{a} (float32), \\u{202e}year (float32)'),
  });
  expect(fault({ 'age\n': '\u2066', '\u202eyear': 1 })).toMatchObject({
    message: expect.stringContaining('feature "age\\u{a}": expected'),
  });
  expect(fault({ 'age\n': '\u2066', '\u202eyear': 1 })).toMatchObject({
    message: expect.stringContaining('got "\\u{2066}"'),
  });
});

test('every value is found in its row and column of its input, whatever the features are called', () => {
  fc.assert(
    fc.property(signatureAndRecords, ([signature, rows]) => {
      const names = signature.features.map(({ name }) => name);
      const tensors = encodeRecords(
        signature,
        rows.map((values) => recordOf(names, values)),
      );
      signature.features.forEach((feature, index) => {
        const tensor = tensors.get(feature.input);
        const width = tensor?.shape[1] ?? 1;
        rows.forEach((values, row) => {
          const read = tensor && readElement(tensor, row * width + feature.column);
          expect(read).toBe(values[index]);
        });
      });
    }),
  );
});

test('one feature less or one more than the signature has is refused, and named', () => {
  fc.assert(
    fc.property(signatureAndRecords, fc.nat(), ([signature, rows], choice) => {
      const names = signature.features.map(({ name }) => name);
      const records = rows.map((values) => recordOf(names, values));
      const row = choice % records.length;
      const { [names[choice % names.length] ?? '']: _, ...without } = records[row] ?? {};
      const extra = 'a name that none of them has';
      for (const wrong of [without, { ...records[row], [extra]: 1 }])
        expect(() => encodeRecords(signature, records.with(row, wrong))).toThrow(
          expect.objectContaining({
            code: 'SIGNATURE_MISMATCH',
            message: expect.stringContaining(`Row ${row} does not have the model's features`),
          }),
        );
    }),
    { numRuns: 50 },
  );
});

describe('an error says which', () => {
  const signature = signatureOf([
    { name: 'age', datatype: 'FP32', shape: [-1, 1] },
    { name: 'count', datatype: 'INT64', shape: [-1] },
  ]);
  const refused = (record: JsonRecord, message: string) =>
    expect(() => encodeRecords(signature, [{ age: 1, count: 1 }, record])).toThrow(
      expect.objectContaining({ code: 'SIGNATURE_MISMATCH', message: expect.stringContaining(message) }),
    );

  test('feature is missing, which is unknown', () => {
    refused(
      { age: 1, toString: 1 },
      "Row 1 does not have the model's features: missing count; unknown toString.",
    );
    refused(JSON.parse('{"age": 1, "count": 2, "__proto__": 3}'), 'unknown __proto__');
  });

  test('an inherited property is no feature', () => {
    refused(Object.create({ age: 1, count: 1 }), 'missing age, count');
  });

  test('value is wrong', () => {
    refused({ age: null, count: 1 }, 'Row 1, feature "age": expected a finite number (float32), got null');
    refused({ age: 1, count: 1.5 }, 'Row 1, feature "count": expected a whole number');
    refused({ age: [1], count: 1 }, 'got [1]');
  });
});

describe('a fixed batch', () => {
  const signature = signatureOf([{ name: 'x', datatype: 'FP32', shape: [4, 2] }], ['a', 'b']);
  const rows = (count: number) => Array.from({ length: count }, (_, row) => ({ a: row, b: -row }));

  test('is of the runs: a call has any number of records', () => {
    for (const count of [1, 4, 5]) {
      const data = Float32Array.from(rows(count).flatMap(({ a, b }) => [a, b]));
      expect(encodeRecords(signature, rows(count)).get('x')).toEqual({
        datatype: 'FP32',
        shape: [count, 2],
        data,
      });
    }
  });
});

test('a model without named features is called with tensors', () => {
  const image = signatureOf([{ name: 'image', datatype: 'FP32', shape: [-1, 1, 4, 4] }]);
  expect(() => encodeRecords(image, [{ image: 1 }])).toThrow(
    expect.objectContaining({ code: 'SIGNATURE_MISMATCH', hint: expect.stringContaining('tensors') }),
  );
});
