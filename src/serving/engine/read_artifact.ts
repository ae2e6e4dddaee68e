import { createHash, type Hash } from 'node:crypto';
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { messageOf } from '../../errors.ts';
import { maxGraphBytes, spreadTensors } from '../graph/external_tensors.ts';
import { packedParts, trailerBytes } from '../graph/packed_model.ts';

/** A stored model as it is loaded: bytes of the file that was hashed, never of the file read once more. */
export interface StoredModel {
  model: Uint8Array;
  /** Of a packed model, the tensors that are not in `model`, under the names that it has for them. */
  tensors: { path: string; data: Uint8Array }[] | undefined;
}

/**
 * Reads an artifact.
 * @returns undefined when it is missing, or its bytes do not have that SHA-256
 * @throws Error when the bytes are right and can be no model
 */
export function readArtifact(path: string, sha256: string): StoredModel | undefined {
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch {
    return undefined;
  }
  try {
    const hash = createHash('sha256');
    const { read, reason } = readHashed(file, fstatSync(file).size, hash);
    if (hash.digest('hex') !== sha256) return undefined;
    if (read !== undefined) return read;
    throw new Error(reason);
  } finally {
    closeSync(file);
  }
}

/** Reads the whole file; where it is no model, it is hashed all the same, for it may be damaged. */
function readHashed(
  file: number,
  size: number,
  hash: Hash,
): { read: StoredModel | undefined; reason: string | undefined } {
  const tailStart = Math.max(0, size - trailerBytes);
  const parts = packedParts(readAt(file, tailStart, size - tailStart), size);
  let position = 0;
  const take = (length: number) => {
    const bytes = readAt(file, position, length);
    hash.update(bytes);
    position += length;
    return bytes;
  };
  let read: StoredModel | undefined;
  let reason: string | undefined;
  try {
    const graphBytes = parts?.graphBytes ?? size;
    if (graphBytes > maxGraphBytes)
      throw new Error(
        "it is larger than 2 GB, which is ONNX's limit of one file: save its tensors in a second one",
      );
    const model = take(graphBytes);
    const spread = parts && spreadTensors(model, parts.dataBytes);
    read =
      spread === undefined
        ? { model, tensors: undefined }
        : {
            model: spread.graph,
            tensors: spread.tensors.map(({ name, length }) => ({ path: name, data: take(length) })),
          };
  } catch (error) {
    reason = messageOf(error);
  }
  while (position < size) take(Math.min(size - position, 1 << 24));
  return { read, reason };
}

/** @returns what is there, which of a file that is being cut is less */
function readAt(file: number, position: number, length: number): Buffer {
  const bytes = Buffer.allocUnsafeSlow(length);
  let filled = 0;
  while (filled < length) {
    const count = readSync(file, bytes, filled, Math.min(length - filled, 1 << 26), position + filled);
    if (count === 0) break;
    filled += count;
  }
  return bytes.subarray(0, filled);
}
