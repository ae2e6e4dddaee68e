import { isUtf8 } from 'node:buffer';
import type { DatatypeName } from '../registry/datatypes.ts';
import { describeShape } from '../registry/signature.ts';
import { datatype, elementCount, maxRank, type Tensor } from '../tensors/datatypes.ts';
import { elementsOfBytes } from '../tensors/element_bytes.ts';

/**
 * A tensor of its elements' bytes, as the binary tensor data extension and gRPC's raw contents have them: row-major,
 * little-endian, one byte a BOOL, two an FP16, and before each BYTES element its length in four bytes.
 * @returns the tensor, with elements of its own, or what is wrong with it as the end of a sentence that begins with its name
 */
export function tensorOfBytes(name: DatatypeName, shape: number[], bytes: Uint8Array): Tensor | string {
  if (shape.length > maxRank) return ` has ${shape.length} dimensions; at most ${maxRank} are taken`;
  const fault = name === 'BYTES' ? textsFault(shape, bytes) : sizeFault(name, shape, bytes);
  return fault ?? { datatype: name, shape, data: elementsOfBytes(name, bytes) };
}

function sizeFault(name: DatatypeName, shape: readonly number[], bytes: Uint8Array): string | undefined {
  const type = datatype(name);
  const size = type.kind === 'string' ? 1 : type.bytes;
  if (bytes.length !== elementCount(shape) * size)
    return ` has ${bytes.length} bytes, but its shape [${describeShape(shape)}] means ${elementCount(shape) * size}`;
  if (name !== 'BOOL') return undefined;
  const wrong = bytes.findIndex((byte) => byte > 1);
  return wrong === -1 ? undefined : `, element ${wrong}: expected the byte 0 or 1, got ${bytes[wrong]}`;
}

/** Every element must be text that the model gets as it is: whole UTF-8 without NUL, at which the runtime ends a text. */
function textsFault(shape: readonly number[], given: Uint8Array): string | undefined {
  const bytes = Buffer.from(given.buffer, given.byteOffset, given.byteLength);
  let offset = 0;
  let count = 0;
  while (offset < bytes.length) {
    const start = offset + 4;
    const length = start > bytes.length ? undefined : bytes.readUInt32LE(offset);
    if (length === undefined || start + length > bytes.length)
      return `, element ${count}: its bytes end before its length is reached`;
    const element = bytes.subarray(start, start + length);
    if (!isUtf8(element) || element.includes(0))
      return `, element ${count}: expected text (UTF-8 without NUL), got other bytes`;
    offset = start + length;
    count++;
  }
  return count === elementCount(shape)
    ? undefined
    : ` has ${count} elements, but its shape [${describeShape(shape)}] means ${elementCount(shape)}`;
}
