/**
 * The file format of a model larger than a protobuf can be: the graph, whose large tensors are external data in a file of
 * the name below; the bytes of that file; and a trailer of 24 bytes with the position where the graph ends. The first two
 * parts are, unchanged, the two files that ONNX has for such a model.
 */
export const packedDataName = 'model.onnx.data';

const mark = Buffer.from('modelyard-packed', 'latin1');
export const trailerBytes = mark.length + 8;

export function packTrailer(graphBytes: number): Uint8Array {
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(graphBytes));
  return Buffer.concat([mark, length]);
}

/**
 * Where the parts of a packed model lie; undefined for any other file.
 * @param tail the file's last {@link trailerBytes} bytes
 */
export function packedParts(
  tail: Uint8Array,
  fileBytes: number,
): { graphBytes: number; dataBytes: number } | undefined {
  const end = Buffer.from(tail.buffer, tail.byteOffset, tail.byteLength);
  if (end.length !== trailerBytes || !end.subarray(0, mark.length).equals(mark)) return undefined;
  const graphBytes = Number(end.readBigUInt64LE(mark.length));
  const dataBytes = fileBytes - trailerBytes - graphBytes;
  return dataBytes > 0 ? { graphBytes, dataBytes } : undefined;
}
