import fc, { type Arbitrary } from 'fast-check';
import type { DatatypeName } from '../../src/registry/datatypes.ts';
import { datatype, elementCount, type Tensor } from '../../src/tensors/datatypes.ts';

/** The bits and the sign of every integer datatype: all that the predicate below knows of them. */
const integers = {
  INT8: { bits: 8, signed: true },
  INT16: { bits: 16, signed: true },
  INT32: { bits: 32, signed: true },
  INT64: { bits: 64, signed: true },
  UINT8: { bits: 8, signed: false },
  UINT16: { bits: 16, signed: false },
  UINT32: { bits: 32, signed: false },
  UINT64: { bits: 64, signed: false },
} as const;
type IntegerName = keyof typeof integers;

function isInteger(name: DatatypeName): name is IntegerName {
  return Object.hasOwn(integers, name);
}

function isWithin(name: IntegerName, value: bigint): boolean {
  const { bits, signed } = integers[name];
  return (signed ? BigInt.asIntN(bits, value) : BigInt.asUintN(bits, value)) === value;
}

/** Whether a value is one of the datatype, told without the codec's own table of bounds. */
export function isExactly(name: DatatypeName, value: unknown): boolean {
  if (name === 'BOOL') return value === true || value === false;
  // What UTF-8 brings back, and no NUL, at which the runtime ends a text.
  if (name === 'BYTES')
    return typeof value === 'string' && !value.includes('\0') && Buffer.from(value).toString() === value;
  // From 65520 on, float16 rounds to infinity.
  if (name === 'FP16') return typeof value === 'number' && Math.abs(value) < 65520;
  if (name === 'FP32') return typeof value === 'number' && Number.isFinite(Math.fround(value));
  if (name === 'FP64') return typeof value === 'number' && Number.isFinite(value);
  if (typeof value === 'number')
    return Number.isInteger(value) && isWithin(name, BigInt(value)) && Math.abs(value) < 2 ** 53;
  const isText = integers[name].bits === 64 && typeof value === 'string' && /^-?[0-9]+$/.test(value);
  return isText && isWithin(name, BigInt(value));
}

/** Values that the datatype takes, as JSON carries them: 64-bit integers beyond 2^53 as text. */
export function acceptedValue(name: DatatypeName): Arbitrary<number | string | boolean> {
  // -0 is the one number that JSON does not bring back.
  const finite = { noNaN: true, noDefaultInfinity: true };
  if (name === 'BOOL') return fc.boolean();
  if (name === 'BYTES') return fc.string({ unit: 'grapheme' }).filter((text) => !text.includes('\0'));
  // Eleven bits and an exponent from the smallest subnormal on: all of these are exact in float16.
  if (name === 'FP16')
    return fc
      .tuple(fc.integer({ min: -2047, max: 2047 }), fc.integer({ min: -24, max: 4 }))
      .map(([bits, exponent]) => bits * 2 ** exponent + 0);
  if (name === 'FP32') return fc.float(finite).map((value) => value + 0);
  if (name === 'FP64') return fc.double(finite).map((value) => value + 0);
  const { bits, signed } = integers[name];
  const max = 2n ** BigInt(signed ? bits - 1 : bits) - 1n;
  return fc
    .bigInt({ min: signed ? -max - 1n : 0n, max })
    .map((value) => (Number.isSafeInteger(Number(value)) ? Number(value) : String(value)));
}

/** Anything at all, with a liking for what lies near the datatype's bounds. */
export function anyValue(name: DatatypeName): Arbitrary<unknown> {
  const bounds = isInteger(name) ? 2n ** BigInt(integers[name].bits - 1) : 2n ** 128n;
  const near = fc
    .tuple(fc.constantFrom(-2n, -1n, 0n, 1n, 2n), fc.bigInt({ min: -2n, max: 2n }))
    .map(([factor, offset]) => factor * bounds + offset);
  return fc.oneof(
    near.map(Number),
    near.map(String),
    near,
    acceptedValue(name),
    fc.double(),
    fc.integer(),
    fc.integer().map(String),
    fc.constantFrom(
      null,
      undefined,
      '',
      '+1',
      '0x1',
      '1.0',
      '-',
      '٣',
      'a\0b',
      '\ud83d',
      'x\udc00',
      '\udc00\ud83d',
      'NaN',
      2 ** 53,
      -(2 ** 53),
      1e-320,
    ),
    fc.anything(),
  );
}

/** A tensor of zeros, false or empty text. */
export function tensorOf(name: DatatypeName, shape: number[]): Tensor {
  const type = datatype(name);
  const length = elementCount(shape);
  const data = type.kind === 'string' ? Array.from({ length }, () => '') : type.create(length);
  return { datatype: name, shape, data };
}
