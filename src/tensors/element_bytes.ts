import type { DatatypeName } from '../registry/datatypes.ts';
import { datatype, type TensorData } from './datatypes.ts';

/**
 * A tensor's elements as bytes in the byte order of the machine; texts are each a u32 byte length and UTF-8. The bytes
 * of numbers are the tensor's own, not a copy.
 */
export function bytesOfElements(data: TensorData): Uint8Array {
  return Array.isArray(data)
    ? packTexts(data)
    : new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

/** The inverse of bytesOfElements for bytes that are known to be right; copies them, so that they may be reused. */
export function elementsOfBytes(name: DatatypeName, bytes: Uint8Array): TensorData {
  const type = datatype(name);
  return type.kind === 'string' ? unpackTexts(bytes) : type.view(new Uint8Array(bytes).buffer);
}

function packTexts(texts: readonly string[]): Uint8Array {
  const lengths = texts.map((text) => Buffer.byteLength(text, 'utf8'));
  const packed = Buffer.allocUnsafe(lengths.reduce((sum, length) => sum + 4 + length, 0));
  let offset = 0;
  texts.forEach((text, index) => {
    const length = lengths[index] ?? 0;
    packed.writeUInt32LE(length, offset);
    packed.write(text, offset + 4, length, 'utf8');
    offset += 4 + length;
  });
  return packed;
}

function unpackTexts(part: Uint8Array): string[] {
  const bytes = Buffer.from(part.buffer, part.byteOffset, part.byteLength);
  const texts: string[] = [];
  let offset = 0;
  while (offset < bytes.length) {
    const length = bytes.readUInt32LE(offset);
    texts.push(bytes.toString('utf8', offset + 4, offset + 4 + length));
    offset += 4 + length;
  }
  return texts;
}
