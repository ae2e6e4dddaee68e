import fc from 'fast-check';
import { expect, test } from 'vitest';
import { datatypes } from '../../../src/registry/datatypes.ts';
import { encodeTensors } from '../../../src/serving/codec/tensors.ts';
import { packTensors, unpackTensors } from '../../../src/serving/engine/protocol.ts';
import { elementCount } from '../../../src/tensors/datatypes.ts';
import { jsonOfTensor, type TensorJson } from '../../../src/tensors/json_tensors.ts';
import { acceptedValue } from '../../tensors/values.ts';

const tensorJson: fc.Arbitrary<TensorJson> = fc
  .tuple(fc.constantFrom(...datatypes), fc.array(fc.nat(4), { maxLength: 3 }))
  .chain(([datatype, shape]) => {
    const length = elementCount(shape);
    return fc
      .array(acceptedValue(datatype), { minLength: length, maxLength: length })
      .map((data) => ({ datatype, shape, data }));
  });

const namedTensors = fc.dictionary(fc.string(), tensorJson, { maxKeys: 4, noNullPrototype: true });

test('tensors of every datatype come back as they were sent, through JSON and the host’s wire', () => {
  fc.assert(
    fc.property(namedTensors, (sent) => {
      const given = new Map(Object.entries(sent));
      const specs = [...given].map(([name, { datatype, shape }]) => ({
        name,
        datatype,
        shape: shape.map(() => -1),
      }));
      const encoded = encodeTensors(specs, given);
      const { tensors, body } = packTensors(encoded);
      const received = unpackTensors(JSON.parse(JSON.stringify(tensors)), Buffer.concat(body));
      const decoded = [...received].map(([name, tensor]) => [name, jsonOfTensor(tensor)]);
      expect(JSON.parse(JSON.stringify(decoded))).toEqual([...given]);
    }),
  );
});

const matrix = [{ name: 'x', datatype: 'FP32' as const, shape: [-1, 2] }];
const given = (tensor: Partial<TensorJson>) =>
  new Map([['x', { datatype: 'FP32' as const, shape: [2, 2], data: [1, 2, 3, 4], ...tensor }]]);

test('nested data is read row by row', () => {
  const encoded = encodeTensors(
    matrix,
    given({
      data: [
        [1, 2],
        [3, 4],
      ],
    }),
  );
  expect([...(encoded.get('x')?.data ?? [])]).toEqual([1, 2, 3, 4]);
});

test.each<[string, ReadonlyMap<string, TensorJson>, RegExp]>([
  ['a missing tensor', new Map(), /missing tensor x/],
  [
    'an unknown tensor',
    new Map([...given({}), ['__proto__', { datatype: 'FP32' as const, shape: [0], data: [] }]]),
    /unknown tensor __proto__/,
  ],
  ['another datatype', given({ datatype: 'FP64' }), /datatype FP64, not FP32/],
  ['another rank', given({ shape: [4] }), /shape \[4\], not \[-1,2\]/],
  ['another width', given({ shape: [1, 4] }), /shape \[1,4\], not \[-1,2\]/],
  ['too few elements', given({ data: [1, 2, 3] }), /3 elements.*means 4/],
  ['a shape that no memory holds', given({ shape: [2 ** 40, 2], data: [1] }), /1 elements.*means/],
  ['text', given({ data: [1, 2, '3', 4] }), /element 2: expected a finite number.*"3"/],
])('%s is refused, with what is expected', (_, tensors, message) => {
  expect(() => encodeTensors(matrix, tensors)).toThrow(
    expect.objectContaining({
      code: 'SIGNATURE_MISMATCH',
      message: expect.stringMatching(message),
      hint: 'Expected: x FP32[-1,2].',
    }),
  );
});

test('an input of no dimensions takes a scalar, one of unknown rank any shape', () => {
  const scalar = [{ name: 'x', datatype: 'FP32' as const, shape: [] }];
  expect(encodeTensors(scalar, given({ shape: [], data: [7] })).get('x')?.shape).toEqual([]);
  expect(() => encodeTensors(scalar, given({}))).toThrow(/shape \[2,2\], not \[\]/);
  const unranked = [{ name: 'x', datatype: 'FP32' as const, shape: [], unranked: true as const }];
  expect(encodeTensors(unranked, given({ shape: [], data: [7] })).get('x')?.shape).toEqual([]);
  expect(encodeTensors(unranked, given({})).get('x')?.shape).toEqual([2, 2]);
});

const names = ['NaN', 'Infinity', '-Infinity'];

test.each(['FP16', 'FP32', 'FP64'] as const)(
  '%s tensors take NaN and infinities by name, and give them back',
  (datatype) => {
    const specs = [{ name: 'x', datatype, shape: [-1, 2, 2] }];
    const sent = { datatype, shape: [1, 2, 2], data: [...names, null] };
    const encoded = encodeTensors(specs, new Map([['x', sent]])).get('x');
    if (encoded === undefined) throw new Error('x is missing');
    expect([...encoded.data].map(Number)).toEqual(
      datatype === 'FP16'
        ? [0x7e00, 0x7c00, 0xfc00, 0x7e00]
        : [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.NaN],
    );
    const received = jsonOfTensor(encoded);
    expect(received.data).toEqual([...names, 'NaN']);
    expect(jsonOfTensor(encodeTensors(specs, new Map([['x', received]])).get('x') ?? encoded)).toEqual(
      received,
    );
  },
);

test.each(['INT32', 'INT64', 'BOOL', 'BYTES'] as const)('%s tensors take no null', (datatype) => {
  const specs = [{ name: 'x', datatype, shape: [-1] }];
  expect(() => encodeTensors(specs, new Map([['x', { datatype, shape: [1], data: [null] }]]))).toThrow(
    expect.objectContaining({ code: 'SIGNATURE_MISMATCH' }),
  );
});

test('a number is not taken for the name of another, nor the other way round', () => {
  for (const text of ['nan', 'inf', '+Infinity', '1', ''])
    expect(() => encodeTensors(matrix, given({ data: [1, 2, 3, text] }))).toThrow(/element 3/);
  const texts = [{ name: 'x', datatype: 'BYTES' as const, shape: [-1] }];
  const read = encodeTensors(
    texts,
    new Map([['x', { datatype: 'BYTES' as const, shape: [1], data: ['NaN'] }]]),
  );
  expect(read.get('x')?.data).toEqual(['NaN']);
});
