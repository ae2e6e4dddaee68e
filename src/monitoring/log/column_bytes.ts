import { z } from 'zod';
import type { LogColumn } from './column.ts';

/**
 * How a column's bytes are to be read. Numbers of a fixed width lie plane by plane (all first bytes, then all second
 * bytes …), which deflate packs better.
 * - constant: every row has this JSON value; no bytes
 * - integers: unsigned integers of `width` bytes; 0 is null, n is (base + n − 1) / 10^digits
 * - floats: IEEE 754 of 4 or 8 bytes, NaN is null
 * - dictionary: codes of `width` bytes, then the entries as a JSON array
 * - uuids: 16 bytes
 */
export const encodingSchema = z.union([
  z.tuple([z.literal('constant'), z.unknown()]),
  z.tuple([z.literal('integers'), z.number(), z.number(), z.number()]),
  z.tuple([z.literal('floats'), z.union([z.literal(4), z.literal(8)])]),
  z.tuple([z.literal('dictionary'), z.number()]),
  z.tuple([z.literal('uuids')]),
]);
export type Encoding = z.infer<typeof encodingSchema>;

const noBytes = new Uint8Array();
/** Numbers with more decimals than this are stored as floats. */
const maxDigits = 9;
/** Integers up to 2^48 are split into bytes; beyond, eight bytes as a float are no more. */
const maxWidth = 6;

export function encodeColumn(column: LogColumn): { encoding: Encoding; bytes: Uint8Array } {
  switch (column.kind) {
    case 'numbers':
      return encodeNumbers(column.values);
    case 'uuids':
      return { encoding: ['uuids'], bytes: planesOf(column.bytes, 16) };
    case 'dictionary':
      return encodeDictionary(column.entries, column.codes);
  }
}

function encodeNumbers(values: Float64Array): { encoding: Encoding; bytes: Uint8Array } {
  const [first = Number.NaN] = values;
  if (values.every((value) => Object.is(value, first)))
    return { encoding: ['constant', Number.isNaN(first) ? null : first], bytes: noBytes };
  const integers = integerForm(values);
  if (integers !== undefined) {
    const { digits, base, width } = integers;
    const scale = 10 ** digits;
    const stored = Float64Array.from(values, (value) =>
      Number.isNaN(value) ? 0 : Math.round(value * scale) - base + 1,
    );
    return { encoding: ['integers', digits, base, width], bytes: integerPlanes(stored, width) };
  }
  if (values.every((value) => Number.isNaN(value) || Math.fround(value) === value))
    return { encoding: ['floats', 4], bytes: planesOf(new Uint8Array(Float32Array.from(values).buffer), 4) };
  const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  return { encoding: ['floats', 8], bytes: planesOf(bytes, 8) };
}

/** The fewest decimals and bytes in which every number is exact; undefined where floats are shorter or needed. */
function integerForm(values: Float64Array): { digits: number; base: number; width: number } | undefined {
  let digits = 0;
  let [min, max] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const value of values) {
    if (Number.isNaN(value)) continue;
    while (!isExact(value, 10 ** digits)) {
      digits++;
      if (digits > maxDigits) return undefined;
    }
    min = Math.min(min, value);
    max = Math.max(max, value);
  }
  const scale = 10 ** digits;
  // With more decimals an earlier value may be exact no longer.
  if (digits > 0 && !values.every((value) => Number.isNaN(value) || isExact(value, scale))) return undefined;
  const base = Math.round(min * scale);
  const width = widthOf(Math.round(max * scale) - base + 1);
  return width > maxWidth ? undefined : { digits, base, width };
}

function isExact(value: number, scale: number): boolean {
  const scaled = Math.round(value * scale);
  // Object.is, for −0 is no integer.
  return Number.isSafeInteger(scaled) && Object.is(scaled / scale, value);
}

function encodeDictionary(
  entries: readonly unknown[],
  codes: Uint32Array,
): { encoding: Encoding; bytes: Uint8Array } {
  // Entries that no row has any more are left behind.
  const used: unknown[] = [];
  const renumbered = new Map<number, number>();
  const stored = Float64Array.from(codes, (code) => {
    const known = renumbered.get(code);
    if (known !== undefined) return known;
    const next = used.push(entries[code] ?? null) - 1;
    renumbered.set(code, next);
    return next;
  });
  if (used.length === 1) return { encoding: ['constant', used[0]], bytes: noBytes };
  const width = widthOf(used.length - 1);
  const bytes = Buffer.concat([integerPlanes(stored, width), Buffer.from(JSON.stringify(used))]);
  return { encoding: ['dictionary', width], bytes };
}

export function decodeColumn(encoding: Encoding, bytes: Uint8Array, rows: number): LogColumn {
  switch (encoding[0]) {
    case 'constant': {
      const [, value] = encoding;
      return typeof value === 'number' || value === null
        ? { kind: 'numbers', values: new Float64Array(rows).fill(value ?? Number.NaN) }
        : { kind: 'dictionary', entries: [value], codes: new Uint32Array(rows) };
    }
    case 'integers': {
      const [, digits, base, width] = encoding;
      const values = readIntegers(bytes, width, new Float64Array(rows));
      const scale = 10 ** digits;
      for (let row = 0; row < rows; row++) {
        const stored = values[row] ?? 0;
        values[row] = stored === 0 ? Number.NaN : (base + stored - 1) / scale;
      }
      return { kind: 'numbers', values };
    }
    case 'floats': {
      const stored = rowsFromPlanes(bytes, encoding[1]);
      const { buffer, byteOffset } = stored;
      return {
        kind: 'numbers',
        values:
          encoding[1] === 8
            ? new Float64Array(buffer, byteOffset, rows)
            : Float64Array.from(new Float32Array(buffer, byteOffset, rows)),
      };
    }
    case 'dictionary': {
      const width = encoding[1];
      const entries: unknown[] = JSON.parse(Buffer.from(bytes.subarray(rows * width)).toString('utf8'));
      return { kind: 'dictionary', entries, codes: readIntegers(bytes, width, new Uint32Array(rows)) };
    }
    case 'uuids':
      return { kind: 'uuids', bytes: Buffer.from(rowsFromPlanes(bytes, 16).buffer) };
  }
}

/** Bytes that hold integers from 0 to `largest`. */
function widthOf(largest: number): number {
  let width = 1;
  while (largest >= 256 ** width) width++;
  return width;
}

function integerPlanes(values: Float64Array, width: number): Uint8Array {
  const planes = new Uint8Array(values.length * width);
  let place = 1;
  for (let plane = 0; plane < width; plane++, place *= 256) {
    const start = plane * values.length;
    for (let row = 0; row < values.length; row++)
      planes[start + row] = Math.floor((values[row] ?? 0) / place) % 256;
  }
  return planes;
}

function readIntegers<Into extends Float64Array | Uint32Array>(
  bytes: Uint8Array,
  width: number,
  into: Into,
): Into {
  const rows = into.length;
  let place = 1;
  for (let plane = 0; plane < width; plane++, place *= 256) {
    const start = plane * rows;
    for (let row = 0; row < rows; row++) into[row] = (into[row] ?? 0) + (bytes[start + row] ?? 0) * place;
  }
  return into;
}

function planesOf(bytes: Uint8Array, width: number): Uint8Array {
  const rows = bytes.length / width;
  const planes = new Uint8Array(bytes.length);
  for (let plane = 0; plane < width; plane++) {
    const start = plane * rows;
    for (let row = 0; row < rows; row++) planes[start + row] = bytes[row * width + plane] ?? 0;
  }
  return planes;
}

function rowsFromPlanes(planes: Uint8Array, width: number): Uint8Array<ArrayBuffer> {
  const rows = planes.length / width;
  const bytes = new Uint8Array(planes.length);
  for (let plane = 0; plane < width; plane++) {
    const start = plane * rows;
    for (let row = 0; row < rows; row++) bytes[row * width + plane] = planes[start + row] ?? 0;
  }
  return bytes;
}
