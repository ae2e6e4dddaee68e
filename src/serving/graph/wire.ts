/**
 * Protobuf's wire format, read in place: a model of two gigabytes is walked without decoding or copying its
 * weights. What it refuses, the runtime's own parser would refuse too, or no ONNX writer makes.
 */

/** Where a field's payload lies: from `start` up to, not including, `end`. */
export interface Span {
  start: number;
  end: number;
}

export const wireType = { varint: 0, fixed64: 1, bytes: 2, fixed32: 5 } as const;

/** One field: its number, its wire type, its payload and where its tag begins; false ends the walk. */
export type Visit = (field: number, type: number, payload: Span, tagStart: number) => unknown;

/**
 * Calls `visit` for every field of the message that lies in `span`, in order.
 * @throws when the bytes are not protobuf.
 */
export function scanFields(bytes: Uint8Array, span: Span, visit: Visit): void {
  let position = span.start;
  while (position < span.end) {
    const tagStart = position;
    let tag = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = byteAt(bytes, position++, span.end);
      // A tag is an unsigned 32-bit number: what is beyond, the runtime's parser would cut off.
      if (shift > 28 || (shift === 28 && byte > 0x0f)) throw notProtobuf();
      tag = (tag | ((byte & 0x7f) << shift)) >>> 0;
      if (byte < 0x80) break;
    }
    const field = tag >>> 3;
    const type = tag & 7;
    if (field === 0) throw notProtobuf();
    const start = position;
    let payload: Span;
    if (type === wireType.varint) payload = { start, end: skipVarint(bytes, start, span.end) };
    else if (type === wireType.fixed64) payload = { start, end: start + 8 };
    else if (type === wireType.fixed32) payload = { start, end: start + 4 };
    else if (type === wireType.bytes) {
      const contentStart = skipVarint(bytes, start, span.end);
      payload = { start: contentStart, end: contentStart + Number(readVarint(bytes, start)) };
    } else throw notProtobuf();
    position = payload.end;
    if (position > span.end) throw notProtobuf();
    if (visit(field, type, payload, tagStart) === false) return;
  }
}

/** The unsigned value of the varint at `position`, which scanFields has seen to be whole. */
export function readVarint(bytes: Uint8Array, position: number): bigint {
  let low = 0;
  let factor = 1;
  for (let at = position; at < position + 7; at++) {
    const byte = bytes[at] ?? 0;
    low += (byte & 0x7f) * factor;
    if (byte < 0x80) return BigInt(low);
    factor *= 128;
  }
  let value = BigInt(low);
  for (let at = position + 7, shift = 49n; ; at++, shift += 7n) {
    const byte = bytes[at] ?? 0;
    value |= BigInt(byte & 0x7f) << shift;
    if (byte < 0x80) return BigInt.asUintN(64, value);
  }
}

/** The integers of a repeated field's payload: one, or many where they are packed. */
export function readIntegers(bytes: Uint8Array, type: number, payload: Span): bigint[] {
  if (type === wireType.varint) return [BigInt.asIntN(64, readVarint(bytes, payload.start))];
  const integers: bigint[] = [];
  for (let position = payload.start; position < payload.end; ) {
    const next = skipVarint(bytes, position, payload.end);
    integers.push(BigInt.asIntN(64, readVarint(bytes, position)));
    position = next;
  }
  return integers;
}

export function readText(bytes: Uint8Array, { start, end }: Span): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString('utf8');
}

/** A field whose payload is text, a message or bytes. */
export function bytesField(field: number, payload: Uint8Array | string): Uint8Array {
  const content = typeof payload === 'string' ? Buffer.from(payload, 'utf8') : payload;
  return Buffer.concat([varint(field * 8 + wireType.bytes), varint(content.length), content]);
}

/** A field whose payload is a number that is not negative. */
export function varintField(field: number, value: number): Uint8Array {
  return Buffer.concat([varint(field * 8 + wireType.varint), varint(value)]);
}

function varint(value: number): Uint8Array {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128);
  return Uint8Array.from([...bytes, rest]);
}

/** The position after the varint that begins at `start`. */
function skipVarint(bytes: Uint8Array, start: number, end: number): number {
  for (let position = start; position < start + 10; position++)
    if (byteAt(bytes, position, end) < 0x80) return position + 1;
  throw notProtobuf();
}

function byteAt(bytes: Uint8Array, position: number, end: number): number {
  const byte = bytes[position];
  if (byte === undefined || position >= end) throw notProtobuf();
  return byte;
}

function notProtobuf(): Error {
  return new Error('it is cut off, or it is no ONNX file at all (its bytes are not protobuf)');
}
