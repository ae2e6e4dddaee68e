import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  readGrpcAnswer,
  readGrpcCall,
  writeGrpcAnswer,
  writeGrpcCall,
} from '../../src/open_inference/grpc_messages.ts';
import { readAnswer, readCall, writeAnswer, writeCall } from '../../src/open_inference/json_messages.ts';
import type { InferenceAnswer, InferenceCall } from '../../src/open_inference/messages.ts';
import { messageType } from '../../src/open_inference/protobuf.ts';
import { namedTensors, withPlainNaN } from './tensors.ts';

const call = (inputs: InferenceCall['inputs']): InferenceCall => ({
  id: 'call 1',
  parameters: { entity_key: 'someone', timeout: 5_000_000, binary_data_output: true, share: 0.5 },
  inputs,
  outputs: [{ name: 'y', parameters: { classification: 3 } }],
});
const answer = (outputs: InferenceAnswer['outputs']): InferenceAnswer => ({
  model: 'm',
  version: '1',
  id: 'call 1',
  parameters: { value: '["a"]', rows: 3, share: 0.25, done: true },
  outputs,
});
const request = messageType('inference.ModelInferRequest');
const response = messageType('inference.ModelInferResponse');
const everyBit = { numRuns: 200 };

test.each([[[1, null]], [[[1], [null]]]])('an answer that has lost a number is refused: %j', (data) => {
  const outputs = [{ name: 'y', datatype: 'FP32', shape: [2, 1], data }];
  expect(() => readAnswer(Buffer.from(JSON.stringify({ model_name: 'm', outputs })))).toThrow(
    /"?y"? has null among its elements/,
  );
});

describe('tensors of any bits arrive as they were sent', () => {
  test('as bytes after JSON', () => {
    fc.assert(
      fc.property(namedTensors, (tensors) => {
        const sent = writeCall(call(tensors), () => true);
        expect(readCall(sent.bytes, sent.headerLength)).toEqual(call(tensors));
        const answered = writeAnswer(answer(tensors), () => true);
        expect(readAnswer(answered.bytes, answered.headerLength)).toEqual(answer(tensors));
      }),
      everyBit,
    );
  });

  test('as JSON, and some of them as bytes', () => {
    fc.assert(
      fc.property(namedTensors, fc.func(fc.boolean()), (tensors, isBinary) => {
        const plain = withPlainNaN(tensors);
        const sent = writeCall(call(plain), isBinary);
        expect(readCall(sent.bytes, sent.headerLength)).toEqual(call(plain));
        const answered = writeAnswer(answer(plain), isBinary);
        expect(readAnswer(answered.bytes, answered.headerLength)).toEqual(answer(plain));
      }),
      everyBit,
    );
  });

  test('as raw contents of gRPC', () => {
    fc.assert(
      fc.property(namedTensors, (tensors) => {
        const received = readGrpcCall(request.decode(writeGrpcCall('m', '2', call(tensors))));
        expect(received).toEqual({ ...call(tensors), model: 'm', version: '2', isRaw: true });
        expect(readGrpcAnswer(response.encode(writeGrpcAnswer(answer(tensors), true)))).toEqual(
          answer(tensors),
        );
      }),
      everyBit,
    );
  });

  test('as lists of elements of gRPC', () => {
    fc.assert(
      fc.property(namedTensors, (tensors) => {
        const plain = withPlainNaN(tensors);
        const answered = writeGrpcAnswer(answer(plain), false);
        expect(readGrpcAnswer(response.encode(answered))).toEqual(answer(plain));
      }),
      everyBit,
    );
  });
});

test('answers are JSON that anyone can read: NaN and infinities by name, whole numbers with all their digits', () => {
  const { bytes } = writeAnswer(
    answer(
      new Map([
        ['floats', { datatype: 'FP32', shape: [4], data: new Float32Array([Number.NaN, -1 / 0, -0, 0.1]) }],
        ['halves', { datatype: 'FP16', shape: [2], data: new Uint16Array([0x3c00, 0x7c00]) }],
        ['integers', { datatype: 'UINT64', shape: [1], data: new BigUint64Array([2n ** 64n - 1n]) }],
        ['flags', { datatype: 'BOOL', shape: [2], data: new Uint8Array([1, 0]) }],
      ]),
    ),
    () => false,
  );
  expect(bytes.toString()).toBe(
    '{"model_name":"m","model_version":"1","id":"call 1","parameters":{"value":"[\\"a\\"]","rows":3,"share":0.25,"done":true},"outputs":[' +
      '{"name":"floats","datatype":"FP32","shape":[4],"data":["NaN","-Infinity",-0.0,0.10000000149011612]},' +
      '{"name":"halves","datatype":"FP16","shape":[2],"data":[1,"Infinity"]},' +
      '{"name":"integers","datatype":"UINT64","shape":[1],"data":[18446744073709551615]},' +
      '{"name":"flags","datatype":"BOOL","shape":[2],"data":[true,false]}]}',
  );
});

const json = (inputs: unknown, more: object = {}) => Buffer.from(JSON.stringify({ inputs, ...more }));
const x = { name: 'x', datatype: 'INT32', shape: [2], data: [1, 2] };

test('what Python’s clients write beyond JSON is read: NaN without quotes, long whole numbers, null for what is left out', () => {
  const body = Buffer.from(
    '{"id":null,"parameters":null,"outputs":null,"inputs":[' +
      '{"name":"i","datatype":"INT64","shape":[1,2],"parameters":null,"data":[[9007199254740993,-9223372036854775808]]},' +
      '{"name":"f","datatype":"FP64","shape":[3],"data":[NaN,-Infinity,12345678901234567890]}]}',
  );
  const { inputs, outputs, id } = readCall(body);
  expect([id, outputs]).toEqual([undefined, undefined]);
  expect(inputs.get('i')?.data).toEqual(new BigInt64Array([9007199254740993n, -(2n ** 63n)]));
  expect(inputs.get('f')?.data).toEqual(new Float64Array([Number.NaN, -1 / 0, 12345678901234567000]));
});

describe('a call that is wrong is refused, with what and where', () => {
  test.each<[string, Buffer, number | undefined, RegExp]>([
    ['no JSON', Buffer.from('{"inputs"'), undefined, /no JSON/],
    ['nothing', Buffer.alloc(0), undefined, /empty/],
    ['a list', Buffer.from('[]'), undefined, /body/],
    ['no inputs', json([]), undefined, /^inputs: /],
    [
      'an unknown datatype',
      json([{ ...x, datatype: 'INT322' }]),
      undefined,
      /^inputs\[0\]\.datatype: .*INT32/,
    ],
    ['a negative size', json([{ ...x, shape: [-1] }]), undefined, /^inputs\[0\]\.shape\[0\]/],
    ['an input twice', json([x, x]), undefined, /"x" is given twice/],
    ['an input without data', json([{ ...x, data: undefined }]), undefined, /"x" has neither data nor/],
    [
      'too many elements',
      json([{ ...x, data: [1, 2, 3] }]),
      undefined,
      /"x" has 3 elements, but its shape \[2\] means 2/,
    ],
    ['a size that no memory holds', json([{ ...x, shape: [2 ** 40, 2 ** 40] }]), undefined, /has 2 elements/],
    [
      'a number beyond the datatype',
      json([{ ...x, data: [1, 2 ** 31] }]),
      undefined,
      /"x", element 1: expected/,
    ],
    [
      'encoded elements',
      json([{ ...x, parameters: { content_type: 'base64' } }]),
      undefined,
      /content_type "base64"/,
    ],
    [
      'shared memory',
      json([{ ...x, parameters: { shared_memory_region: 'r' } }]),
      undefined,
      /shared memory/,
    ],
    ['a longer header than body', json([x]), 1000, /Inference-Header-Content-Length is 1000/],
    ['deep nesting', Buffer.from(`{"inputs":${'['.repeat(200)}${']'.repeat(200)}}`), undefined, /nested/],
  ])('%s', (_, body, headerLength, message) => {
    expect(() => readCall(body, headerLength)).toThrow(
      expect.objectContaining({ code: 'INVALID_INPUT', message: expect.stringMatching(message) }),
    );
  });

  const binary = (datatype: string, shape: number[], size: number, bytes: number[]): [Buffer, number] => {
    const head = json([{ name: 'x', datatype, shape, parameters: { binary_data_size: size } }]);
    return [Buffer.concat([head, Buffer.from(bytes)]), head.length];
  };
  test.each<[string, [Buffer, number], RegExp]>([
    ['too few bytes', binary('INT32', [2], 8, [1, 2, 3]), /has 8 bytes, but 3 are left/],
    ['too many bytes', binary('INT8', [1], 1, [1, 2]), /1 bytes follow/],
    [
      'bytes that are not the shape’s',
      binary('INT16', [2], 2, [1, 2]),
      /has 2 bytes, but its shape \[2\] means 4/,
    ],
    ['a boolean that is none', binary('BOOL', [2], 2, [1, 2]), /element 1: expected the byte 0 or 1, got 2/],
    ['text of another length', binary('BYTES', [2], 5, [1, 0, 0, 0, 97]), /has 1 elements/],
    ['text that ends early', binary('BYTES', [1], 5, [9, 0, 0, 0, 97]), /element 0: its bytes end/],
    ['a length that ends early', binary('BYTES', [1], 2, [9, 0]), /element 0: its bytes end/],
    ['text that is no UTF-8', binary('BYTES', [1], 5, [1, 0, 0, 0, 255]), /element 0: expected text/],
    ['text with NUL', binary('BYTES', [1], 5, [1, 0, 0, 0, 0]), /element 0: expected text/],
  ])('%s', (_, [body, headerLength], message) => {
    expect(() => readCall(body, headerLength)).toThrow(
      expect.objectContaining({ code: 'INVALID_INPUT', message: expect.stringMatching(message) }),
    );
  });

  const grpc = (inputs: object[], more: object = {}) =>
    request.decode(request.encode({ model_name: 'm', inputs, ...more }));
  const y = { name: 'y', datatype: 'INT64', shape: [2] };
  test.each<[string, Record<string, unknown>, RegExp]>([
    [
      'lists of another datatype',
      grpc([{ ...y, contents: { int_contents: [1, 2] } }]),
      /int_contents, but INT64 takes int64_contents/,
    ],
    [
      'half precision that is not raw',
      grpc([{ ...y, datatype: 'FP16', contents: { fp32_contents: [1, 2] } }]),
      /FP16 takes raw contents/,
    ],
    ['too few elements', grpc([{ ...y, contents: { int64_contents: ['1'] } }]), /has 1 elements/],
    [
      'raw contents of some inputs',
      grpc([y, { ...y, name: 'z' }], { raw_input_contents: [Buffer.alloc(16)] }),
      /raw_input_contents has 1 elements for 2 inputs/,
    ],
    [
      'both forms',
      grpc([{ ...y, contents: { int64_contents: ['1', '2'] } }], { raw_input_contents: [Buffer.alloc(16)] }),
      /both contents and raw/,
    ],
    ['an unknown datatype', grpc([{ ...y, datatype: 'BF16' }]), /inputs.0.datatype/],
    ['a negative size', grpc([{ ...y, shape: [-2] }]), /inputs.0.shape.0/],
    [
      'bytes that are no text',
      grpc([{ ...y, datatype: 'BYTES', shape: [1], contents: { bytes_contents: [Buffer.from([255])] } }]),
      /element 0: expected text/,
    ],
  ])('%s, by gRPC', (_, message, expected) => {
    expect(() => readGrpcCall(message)).toThrow(
      expect.objectContaining({ code: 'INVALID_INPUT', message: expect.stringMatching(expected) }),
    );
  });
});

test('lists of gRPC hold every 64-bit integer, and NaN', () => {
  const { inputs, isRaw } = readGrpcCall(
    request.decode(
      request.encode({
        model_name: 'm',
        inputs: [
          {
            name: 'i',
            datatype: 'INT64',
            shape: [2],
            contents: { int64_contents: ['-9223372036854775808', '9007199254740993'] },
          },
          {
            name: 'f',
            datatype: 'FP32',
            shape: [2],
            contents: { fp32_contents: [Number.NaN, Number.POSITIVE_INFINITY] },
          },
        ],
      }),
    ),
  );
  expect(isRaw).toBe(false);
  expect(inputs.get('i')?.data).toEqual(new BigInt64Array([-(2n ** 63n), 9007199254740993n]));
  expect(inputs.get('f')?.data).toEqual(new Float32Array([Number.NaN, Number.POSITIVE_INFINITY]));
});
