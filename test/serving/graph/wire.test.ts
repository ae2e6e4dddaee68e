import fc from 'fast-check';
import { expect, test } from 'vitest';
import { prepareModel } from '../../../src/serving/graph/prepare_model.ts';
import {
  bytesField,
  readIntegers,
  readText,
  readVarint,
  scanFields,
  varintField,
} from '../../../src/serving/graph/wire.ts';
import { bytesOfModel } from './graph_bytes.ts';

const field = fc.integer({ min: 1, max: 2 ** 29 - 1 });

test('what is written is read back, whatever its number and length', () => {
  const entry = fc.tuple(field, fc.oneof(fc.string(), fc.maxSafeNat()));
  fc.assert(
    fc.property(fc.array(entry), (entries) => {
      const bytes = Buffer.concat(
        entries.map(([number, value]) =>
          typeof value === 'string' ? bytesField(number, value) : varintField(number, value),
        ),
      );
      const found: [number, string | number][] = [];
      scanFields(bytes, { start: 0, end: bytes.length }, (number, type, payload) => {
        found.push([
          number,
          type === 2 ? readText(bytes, payload) : Number(readVarint(bytes, payload.start)),
        ]);
      });
      expect(found).toEqual(entries);
    }),
  );
});

test('packed integers are read like single ones, negative ones too', () => {
  const minusOne = Uint8Array.from([...Array.from({ length: 9 }, () => 0xff), 0x01]);
  const packed = Buffer.concat([Uint8Array.of(0x05), minusOne, Uint8Array.of(0x80, 0x01)]);
  expect(readIntegers(packed, 2, { start: 0, end: packed.length })).toEqual([5n, -1n, 128n]);
});

test.each([
  ['a field number of 0', [0x00]],
  ['a group', [0x0b]],
  ['a tag that never ends', [0xff, 0xff, 0xff, 0xff, 0xff, 0x01]],
  ['a tag of more than 32 bits', [0xea, 0x80, 0x80, 0x80, 0x10, 0x00]],
  ['a length beyond the end', [0x0a, 0x05, 0x00]],
  ['a length beyond all memory', [0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]],
  ['a varint of eleven bytes', [0x08, ...Array.from({ length: 10 }, () => 0x80), 0x01]],
])('%s is refused', (_, bytes) => {
  expect(() => scanFields(Uint8Array.from(bytes), { start: 0, end: bytes.length }, () => undefined)).toThrow(
    /not protobuf/,
  );
});

test('any file is read or refused with a sentence, however it is cut or changed', () => {
  const whole = bytesOfModel('frame_classifier');
  const damaged = fc
    .array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { maxLength: 5 })
    .chain((changes) =>
      fc.nat(whole.length).map((length) => {
        const copy = Uint8Array.from(whole);
        for (const [at, byte] of changes) copy[at] = byte;
        return copy.subarray(0, length);
      }),
    );
  fc.assert(
    fc.property(fc.oneof(damaged, fc.uint8Array({ maxLength: 200 })), (file) => {
      try {
        expect(prepareModel(file).bytes.length).toBeGreaterThan(0);
      } catch (error) {
        expect(String(error)).toMatch(/^Error: (it|the name)/);
      }
    }),
    { numRuns: 2000 },
  );
});
