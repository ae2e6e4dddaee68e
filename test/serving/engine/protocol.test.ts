import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { datatypes } from '../../../src/registry/datatypes.ts';
import { frameParser } from '../../../src/serving/engine/host_process.ts';
import {
  framePrefixBytes,
  framer,
  type HostAnswer,
  type HostRequest,
  maxBodyBytes,
  packTensors,
  unpackTensors,
} from '../../../src/serving/engine/protocol.ts';
import { datatype, elementCount, type Tensor } from '../../../src/tensors/datatypes.ts';

/** Tensors with any bits in them, NaN and infinities too. */
const tensor: fc.Arbitrary<Tensor> = fc
  .tuple(fc.constantFrom(...datatypes), fc.array(fc.nat(4), { maxLength: 3 }))
  .chain(([name, shape]) => {
    const type = datatype(name);
    const length = elementCount(shape);
    if (type.kind === 'string')
      return fc
        .array(fc.string({ unit: 'grapheme' }), { minLength: length, maxLength: length })
        .map((data) => ({ datatype: name, shape, data }));
    const bytes = length * type.bytes;
    return fc
      .uint8Array({ minLength: bytes, maxLength: bytes })
      .map((bits) => ({ datatype: name, shape, data: type.view(Uint8Array.from(bits).buffer) }));
  });
const tensors = fc.array(fc.tuple(fc.string(), tensor), { maxLength: 4 }).map((entries) => new Map(entries));

const run = (fetches: string[], shape: number[]): HostRequest => ({
  operation: 'run',
  tensors: [{ name: 'x', datatype: 'FP32', shape, bytes: 8 }],
  fetches,
});

const bytesOf = (parts: readonly Uint8Array[]) => Buffer.concat(parts);
const bitsOf = ({ data }: Tensor) =>
  Array.isArray(data) ? data : [...new Uint8Array(data.buffer, data.byteOffset, data.byteLength)];

test('tensors of any bits come back as they were packed, in memory of their own', () => {
  fc.assert(
    fc.property(tensors, (given) => {
      const packed = packTensors(given);
      const body = bytesOf(packed.body);
      const unpacked = unpackTensors(JSON.parse(JSON.stringify(packed.tensors)), body);
      body.fill(0xff);
      expect([...unpacked.keys()]).toEqual([...given.keys()]);
      for (const [name, original] of given) {
        const copy = unpacked.get(name);
        expect([copy?.datatype, copy?.shape]).toEqual([original.datatype, original.shape]);
        expect(copy && bitsOf(copy)).toEqual(bitsOf(original));
      }
    }),
  );
});

test('packing takes the elements that a tensor has, not the memory around them', () => {
  const around = Float32Array.of(1, 2, 3, 4);
  const given = new Map([['x', { datatype: 'FP32' as const, shape: [2], data: around.subarray(1, 3) }]]);
  const packed = packTensors(given);
  expect([...(unpackTensors(packed.tensors, bytesOf(packed.body)).get('x')?.data ?? [])]).toEqual([2, 3]);
});

describe('frames', () => {
  // Few kinds, so that some come twice in a row: the JSON of such a header is neither made nor parsed again.
  const tensors = fc.record({
    name: fc.constantFrom('x', 'y'),
    datatype: fc.constantFrom('FP32' as const, 'INT32' as const),
    shape: fc.constantFrom<number[]>([1, 2], [2, 1], [2]),
    bytes: fc.constantFrom(8, 16),
  });
  const header: fc.Arbitrary<HostAnswer> = fc.oneof(
    fc.record({
      status: fc.constant('failed' as const),
      message: fc.oneof(fc.string({ unit: 'grapheme' }), fc.constantFrom('one', 'two')),
    }),
    fc.record({ status: fc.constant('ran' as const), tensors: fc.array(tensors, { maxLength: 2 }) }),
    fc.record({ status: fc.constant('too_large' as const), elements: fc.nat(2) }),
  );
  const answer = fc.record({
    header,
    runMs: fc.double({ noNaN: true }),
    body: fc.oneof(fc.uint8Array({ maxLength: 200 }), fc.constant(new Uint8Array(5000).fill(7))),
  });

  test('are found again, however the bytes are cut', () => {
    fc.assert(
      fc.property(
        fc.array(answer, { maxLength: 8 }),
        fc.infiniteStream(fc.oneof(fc.nat(30), fc.nat(4000))),
        (sent, sizes) => {
          const frame = framer();
          const stream = bytesOf(sent.flatMap(({ header, body, runMs }) => frame(header, [body], runMs)));
          const received: { header: HostAnswer; body: Uint8Array; runMs: number }[] = [];
          let accepted = true;
          const parse = frameParser((reply) => {
            received.push({ ...reply, body: Uint8Array.from(reply.body) });
          });
          for (let start = 0; start < stream.length; ) {
            const size = sizes.next().value ?? 1;
            accepted &&= parse(stream.subarray(start, start + size));
            start += size;
          }
          expect(accepted).toBe(true);
          expect(received).toEqual(sent);
        },
      ),
      { numRuns: 200 },
    );
  });

  test.each<[string, (header: Buffer) => void]>([
    ['a header that is too long', (bytes) => bytes.writeUInt32LE(maxBodyBytes + 1, 0)],
    ['a body that is too long', (bytes) => bytes.writeUInt32LE(maxBodyBytes + 1, 4)],
    ['a header that is no JSON', (bytes) => bytes.fill('x', framePrefixBytes)],
  ])('with %s are refused, not thrown at the server', (_, spoil) => {
    const bytes = bytesOf(framer()({ status: 'failed', message: 'a message' }));
    spoil(bytes);
    const parse = frameParser(() => expect.unreachable());
    expect(parse(bytes)).toBe(false);
  });

  test.each<[string, HostRequest, HostRequest]>([
    ['another output', run(['a'], [1]), run(['b'], [1])],
    ['one output more', run(['a'], [1]), run(['a', 'b'], [1])],
    ['another shape', run(['a'], [1]), run(['a'], [2])],
    ['another operation', { operation: 'load', path: 'p', sha256: 's', threads: 1 }, run(['a'], [1])],
  ])('for a request with %s say so', (_, before, now) => {
    const frame = framer();
    frame(before);
    expect(bytesOf(frame(now))).toEqual(bytesOf(framer()(now)));
    expect(bytesOf(frame(now))).not.toEqual(bytesOf(framer()(before)));
  });

  test('are not found in what something else printed', () => {
    expect(frameParser(() => expect.unreachable())(Buffer.from('a library says hello\n'))).toBe(false);
  });
});
