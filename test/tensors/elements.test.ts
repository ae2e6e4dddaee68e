import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type DatatypeName, datatypes } from '../../src/registry/datatypes.ts';
import { datatype, datatypeOfRuntime } from '../../src/tensors/datatypes.ts';
import { readElement, writeElement } from '../../src/tensors/elements.ts';
import { acceptedValue, anyValue, isExactly, tensorOf } from './values.ts';

describe.each(datatypes)('%s', (name) => {
  const type = datatype(name);

  test('takes a value exactly when it is one of the datatype, and writes nothing else', () => {
    fc.assert(
      fc.property(anyValue(name), (value) => {
        const tensor = tensorOf(name, [1]);
        const before = readElement(tensor, 0);
        const taken = writeElement(tensor.data, 0, type, value);
        expect(taken).toBe(isExactly(name, value));
        if (!taken) expect(readElement(tensor, 0)).toBe(before);
      }),
      { numRuns: 500 },
    );
  });

  test('gives back what was written', () => {
    fc.assert(
      fc.property(acceptedValue(name), (value) => {
        const tensor = tensorOf(name, [1]);
        expect(writeElement(tensor.data, 0, type, value)).toBe(true);
        const expected = name === 'FP32' ? Math.fround(Number(value)) : value;
        expect(readElement(tensor, 0)).toEqual(expected);
      }),
    );
  });

  test('is found by the name that onnxruntime has for it', () => {
    expect(datatypeOfRuntime(type.runtimeType)).toBe(name);
  });
});

test.each<[DatatypeName, unknown]>([
  ['INT64', '9223372036854775807'],
  ['INT64', '-9223372036854775808'],
  ['UINT64', '18446744073709551615'],
  ['FP32', 3.4028235e38],
  ['FP16', 65504],
  ['FP64', Number.MAX_VALUE],
  ['INT8', -128],
  ['UINT32', 4294967295],
])('the extreme %s %s is taken', (name, value) => {
  expect(writeElement(tensorOf(name, [1]).data, 0, datatype(name), value)).toBe(true);
});

test.each<[DatatypeName, unknown]>([
  ['INT64', '9223372036854775808'],
  ['INT64', 2 ** 53],
  ['INT64', '1e3'],
  ['INT64', ' 1'],
  ['INT64', ''],
  ['UINT64', '-1'],
  ['UINT8', 256],
  ['INT32', 0.5],
  ['INT32', '1'],
  ['FP32', 3.5e38],
  ['FP32', '1.0'],
  ['FP64', Number.NaN],
  ['FP64', Number.POSITIVE_INFINITY],
  ['FP64', null],
  ['BOOL', 1],
  ['BOOL', 'true'],
  ['BYTES', 1],
])('%s does not take %s', (name, value) => {
  expect(writeElement(tensorOf(name, [1]).data, 0, datatype(name), value)).toBe(false);
});

test('NaN and infinities are read as null, as JSON has no name for them', () => {
  const data = Float64Array.of(Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0.5);
  const tensor = { datatype: 'FP64' as const, shape: [4], data };
  expect([0, 1, 2, 3].map((index) => readElement(tensor, index))).toEqual([null, null, null, 0.5]);
});

test('a type that is not served has no datatype', () => {
  expect(datatypeOfRuntime('bfloat16')).toBeUndefined();
});
