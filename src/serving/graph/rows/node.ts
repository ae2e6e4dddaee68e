import { attributeField, tensorField } from '../fields.ts';
import type { GraphNode } from '../read_graph.ts';
import { readIntegers, readText, readVarint, type Span, scanFields, wireType } from '../wire.ts';
import { type Flow, fixed } from './flow.ts';
import { named, type Size, size } from './sizes.ts';

/** The attributes with which a function was called, by name. */
export type Given = ReadonlyMap<string, Span>;

/** Where an attribute is in the file. In the body of a function it may refer to an attribute of the call. */
export function attributeSpan(
  bytes: Uint8Array,
  { attributes }: GraphNode,
  name: string,
  given: Given,
): Span | undefined {
  const span = attributes.find((attribute) => attribute.name === name)?.span;
  if (span === undefined) return undefined;
  let refersTo: string | undefined;
  scanFields(bytes, span, (field, type, payload) => {
    if (field === attributeField.refersTo && type === wireType.bytes) refersTo = readText(bytes, payload);
  });
  return refersTo ? given.get(refersTo) : span;
}

export function integersAt(bytes: Uint8Array, span: Span): number[] {
  const found: number[] = [];
  scanFields(bytes, span, (field, type, payload) => {
    if (field === attributeField.integer || field === attributeField.integers)
      for (const integer of readIntegers(bytes, type, payload)) found.push(Number(integer));
  });
  return found;
}

/** How many numbers or texts an attribute lists; floats take four bytes each, packed or not. */
export function countAt(bytes: Uint8Array, span: Span): number {
  let count = 0;
  scanFields(bytes, span, (field, type, payload) => {
    if (field === attributeField.floats) count += (payload.end - payload.start) / 4;
    if (field === attributeField.texts) count++;
    if (field === attributeField.integers) count += readIntegers(bytes, type, payload).length;
  });
  return count;
}

export function textAt(bytes: Uint8Array, span: Span): string {
  let text = '';
  scanFields(bytes, span, (field, type, payload) => {
    if (field === attributeField.text && type === wireType.bytes) text = readText(bytes, payload);
  });
  return text;
}

export function partAt(bytes: Uint8Array, span: Span, wanted: number): Span | undefined {
  let part: Span | undefined;
  scanFields(bytes, span, (field, type, payload) => {
    if (field === wanted && type === wireType.bytes) part = payload;
  });
  return part;
}

/** Most elements that are read, enough for shapes, axes and scales. */
const maxElements = 64;

/** A constant tensor: its dimensions, and its elements where they are few and whole numbers. */
export function constantAt(bytes: Uint8Array, tensor: Span): Flow {
  const dims: number[] = [];
  let type = 0;
  let isElsewhere = false;
  scanFields(bytes, tensor, (field, wire, payload) => {
    if (field === tensorField.dimension)
      for (const one of readIntegers(bytes, wire, payload)) dims.push(Number(one));
    if (field === tensorField.type) type = Number(readVarint(bytes, payload.start));
    if (field === tensorField.external || field === tensorField.location) isElsewhere = true;
  });
  const count = dims.reduce((a, b) => a * b, 1);
  const sizes = dims.map(size);
  if (count > maxElements || dims.length > 1 || isElsewhere) return fixed(sizes);
  const numbers = numbersAt(bytes, tensor, type, count);
  if (numbers === undefined) return fixed(sizes);
  return fixed(
    sizes,
    numbers.map((one) => (Number.isInteger(one) ? size(one) : undefined)),
  );
}

/** The elements of a tensor of float32, float64, int32 or int64. */
function numbersAt(bytes: Uint8Array, tensor: Span, type: number, count: number): number[] | undefined {
  const kind = readers.get(type);
  if (kind === undefined) return undefined;
  const numbers: number[] = [];
  scanFields(bytes, tensor, (field, wire, payload) => {
    if (field === kind.field && !kind.isFloat)
      for (const one of readIntegers(bytes, wire, payload)) numbers.push(Number(one));
    else if (field === tensorField.raw || field === kind.field) {
      const view = new DataView(bytes.buffer, bytes.byteOffset + payload.start, payload.end - payload.start);
      for (let at = 0; at + kind.bytes <= view.byteLength; at += kind.bytes)
        numbers.push(kind.read(view, at));
    }
  });
  return numbers.length === count ? numbers : undefined;
}

const readers = new Map([
  [1, { field: 4, bytes: 4, isFloat: true, read: (view: DataView, at: number) => view.getFloat32(at, true) }],
  [
    6,
    {
      field: tensorField.int32s,
      bytes: 4,
      isFloat: false,
      read: (view: DataView, at: number) => view.getInt32(at, true),
    },
  ],
  [
    7,
    {
      field: tensorField.int64s,
      bytes: 8,
      isFloat: false,
      read: (view: DataView, at: number) => Number(view.getBigInt64(at, true)),
    },
  ],
  [
    9,
    {
      field: tensorField.int32s,
      bytes: 1,
      isFloat: false,
      read: (view: DataView, at: number) => view.getUint8(at),
    },
  ],
  [
    11,
    { field: 10, bytes: 8, isFloat: true, read: (view: DataView, at: number) => view.getFloat64(at, true) },
  ],
]);

let unnamed = 0;

/** An unknown size, different from every other. */
export function fresh(): Size {
  return named(`?${unnamed++}`);
}
