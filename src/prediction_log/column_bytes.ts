import { z } from 'zod';
import type { LogColumn } from './column.ts';
import { joinDoubles, joinIntegers, joinPlanes, type Planes, splitIntegers, splitPlanes } from './planes.ts';

/**
 * How a column's pieces are to be read.
 * - constant: every row has this JSON value; no pieces
 * - integers: planes of unsigned integers of `width` bytes; 0 is null, n is (base + n − 1) / 10^digits
 * - floats: planes of IEEE 754 of 4 or 8 bytes, NaN is null
 * - dictionary: planes of codes of `width` bytes, then the entries as a JSON array
 * - uuids: 16 planes
 */
export const encodingSchema = z.union([
  z.tuple([z.literal('constant'), z.unknown()]),
  z.tuple([z.literal('integers'), z.number(), z.number(), z.number()]),
  z.tuple([z.literal('floats'), z.union([z.literal(4), z.literal(8)])]),
  z.tuple([z.literal('dictionary'), z.number()]),
  z.tuple([z.literal('uuids')]),
]);
export type Encoding = z.infer<typeof encodingSchema>;

/** A column as bytes, in pieces that compress well each by itself. */
export interface EncodedColumn {
  encoding: Encoding;
  pieces: Uint8Array[];
}

/** Numbers with more decimals than this are stored as floats. */
const maxDigits = 9;
/** Larger integers are stored as floats of eight bytes, which take no more space. */
const maxWidth = 6;

export function encodeColumn(column: LogColumn): EncodedColumn {
  switch (column.kind) {
    case 'numbers':
      return encodeNumbers(column.values);
    case 'uuids':
      return { encoding: ['uuids'], pieces: splitPlanes(column.bytes, 16) };
    case 'dictionary':
      return encodeDictionary(column.entries, column.codes);
  }
}

function encodeNumbers(values: Float64Array): EncodedColumn {
  const [first = Number.NaN] = values;
  if (values.every((value) => Object.is(value, first)))
    return { encoding: ['constant', Number.isNaN(first) ? null : first], pieces: [] };
  const integers = integerForm(values);
  if (integers !== undefined) {
    const { digits, base, width } = integers;
    const scale = 10 ** digits;
    const stored = width <= 4 ? new Uint32Array(values.length) : new Float64Array(values.length);
    for (let row = 0; row < values.length; row++) {
      const value = values[row] ?? Number.NaN;
      stored[row] = Number.isNaN(value) ? 0 : Math.round(value * scale) - base + 1;
    }
    return { encoding: ['integers', digits, base, width], pieces: splitIntegers(stored, width) };
  }
  if (values.every((value) => Number.isNaN(value) || Math.fround(value) === value))
    return { encoding: ['floats', 4], pieces: splitPlanes(bytesOf(new Float32Array(values)), 4) };
  return { encoding: ['floats', 8], pieces: splitPlanes(bytesOf(values), 8) };
}

function bytesOf({ buffer, byteOffset, byteLength }: Float32Array | Float64Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

/** The fewest decimals and bytes in which every number is exact; undefined where floats are shorter or needed. */
function integerForm(values: Float64Array): { digits: number; base: number; width: number } | undefined {
  let [digits, scale] = [0, 1];
  let [min, max] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (let row = 0; row < values.length; row++) {
    const value = values[row] ?? Number.NaN;
    if (Number.isNaN(value)) continue;
    while (!isExact(value, scale)) {
      digits++;
      scale = 10 ** digits;
      if (digits > maxDigits) return undefined;
    }
    if (value < min) min = value;
    if (value > max) max = value;
  }
  // A value that is exact with fewer decimals may be inexact with more.
  if (digits > 0 && !values.every((value) => Number.isNaN(value) || isExact(value, scale))) return undefined;
  const base = Math.round(min * scale);
  const width = widthOf(Math.round(max * scale) - base + 1);
  return width > maxWidth ? undefined : { digits, base, width };
}

function isExact(value: number, scale: number): boolean {
  const scaled = Math.round(value * scale);
  // Object.is, because −0 cannot be stored as an integer.
  return Number.isSafeInteger(scaled) && Object.is(scaled / scale, value);
}

function encodeDictionary(entries: readonly unknown[], codes: Uint32Array): EncodedColumn {
  // Entries that no row uses any more are dropped.
  const used: unknown[] = [];
  const renumbered = new Int32Array(entries.length).fill(-1);
  const stored = new Uint32Array(codes.length);
  for (let row = 0; row < codes.length; row++) {
    const code = codes[row] ?? 0;
    let next = renumbered[code] ?? -1;
    if (next === -1) {
      next = used.push(entries[code] ?? null) - 1;
      renumbered[code] = next;
    }
    stored[row] = next;
  }
  if (used.length === 1) return { encoding: ['constant', used[0]], pieces: [] };
  const width = widthOf(used.length - 1);
  return {
    encoding: ['dictionary', width],
    pieces: [...splitIntegers(stored, width), Buffer.from(JSON.stringify(used))],
  };
}

/** How many of the first pieces are planes with one byte a row. */
export function planesIn(encoding: Encoding): number {
  switch (encoding[0]) {
    case 'constant':
      return 0;
    case 'integers':
      return encoding[3];
    case 'floats':
    case 'dictionary':
      return encoding[1];
    case 'uuids':
      return 16;
  }
}

export function decodeColumn(encoding: Encoding, pieces: Planes, rows: number): LogColumn {
  switch (encoding[0]) {
    case 'dictionary': {
      const [, width] = encoding;
      const entries: unknown = JSON.parse(Buffer.concat(pieces.slice(width)).toString('utf8'));
      if (!Array.isArray(entries)) throw new RangeError('a dictionary without entries');
      const codes = joinIntegers(pieces.slice(0, width), new Uint32Array(rows));
      return { kind: 'dictionary', entries, codes };
    }
    case 'uuids':
      return { kind: 'uuids', bytes: Buffer.from(joinPlanes(pieces, rows).buffer) };
    default: {
      const values = new Float64Array(rows);
      if (decodeNumbers(encoding, pieces, values)) return { kind: 'numbers', values };
      return { kind: 'dictionary', entries: [encoding[1]], codes: new Uint32Array(rows) };
    }
  }
}

/** Whether {@link decodeNumbers} can read it. */
export function holdsNumbers(encoding: Encoding): boolean {
  if (encoding[0] === 'constant') return typeof encoding[1] === 'number' || encoding[1] === null;
  return encoding[0] === 'integers' || encoding[0] === 'floats';
}

/**
 * Decodes a column of numbers into memory with room for all its rows.
 * @returns false for any other column, of which nothing is written
 */
export function decodeNumbers(encoding: Encoding, pieces: Planes, into: Float64Array): boolean {
  switch (encoding[0]) {
    case 'constant': {
      const [, value] = encoding;
      if (typeof value !== 'number' && value !== null) return false;
      into.fill(value ?? Number.NaN);
      return true;
    }
    case 'integers': {
      const [, digits, base] = encoding;
      const scale = 10 ** digits;
      joinIntegers(pieces, into);
      for (let row = 0; row < into.length; row++) {
        const stored = into[row] ?? 0;
        into[row] = stored === 0 ? Number.NaN : (base + stored - 1) / scale;
      }
      return true;
    }
    case 'floats':
      if (encoding[1] === 8) joinDoubles(pieces, into);
      else into.set(new Float32Array(joinPlanes(pieces, into.length).buffer));
      return true;
    default:
      return false;
  }
}

/** Bytes that hold integers from 0 to `largest`. */
function widthOf(largest: number): number {
  let width = 1;
  while (largest >= 256 ** width) width++;
  return width;
}
