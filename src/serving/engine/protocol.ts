import type { DatatypeName } from '../../registry/datatypes.ts';
import type { InspectedOutput, ModelOrigin } from '../../registry/model_inspector.ts';
import { datatype, type Tensor } from '../codec/datatypes.ts';

/**
 * The wire between the server and an engine host. A frame is: u32 length of the header, u32 length of the
 * body (both little-endian), the header as JSON, the body. Tensors are described in the header; their
 * elements are the body, one tensor after the other, in the byte order of the machine. String elements are
 * each a u32 byte length and UTF-8.
 */
export const framePrefixBytes = 8;

/** Most elements that all outputs of one run may have together. */
export const maxOutputElements = 10_000_000;

/** The largest body that either side accepts; a u32 could say more than a buffer can hold. */
export const maxBodyBytes = 1 << 30;

export interface WireTensor {
  name: string;
  datatype: DatatypeName;
  shape: number[];
  bytes: number;
}

export type NamedTensors = Map<string, Tensor>;

/** What the server asks of a host. */
export type HostRequest =
  | { operation: 'load'; path: string; sha256: string; threads: number }
  | { operation: 'run'; tensors: WireTensor[]; fetches: string[] };

/** A tensor or other value as onnxruntime describes it (free dimensions are -1), and what its graph adds. */
export interface ValueMetadata extends Pick<InspectedOutput, 'unranked' | 'role' | 'raw' | 'classes'> {
  name: string;
  isTensor: boolean;
  type: string;
  shape: number[];
}

/** What a host answers. */
export type HostAnswer =
  | (ModelOrigin & {
      status: 'loaded';
      inputs: ValueMetadata[];
      outputs: ValueMetadata[];
      /** Whether the model was made to take missing values (NaN) in some of its inputs. */
      takesMissing: boolean;
    })
  | { status: 'ran'; tensors: WireTensor[] }
  | { status: 'artifact_mismatch' }
  /** The outputs have more elements than a run may give back. */
  | { status: 'too_large'; elements: number }
  | { status: 'failed'; message: string };

/** Frames up to this size are one buffer, so that they are one write. */
const oneWriteBytes = 64 * 1024;

/** A frame of a header and body parts, as buffers to be written one after the other. */
export function frame(header: HostRequest | HostAnswer, body: readonly Uint8Array[] = []): Buffer[] {
  const json = Buffer.from(JSON.stringify(header));
  const prefix = Buffer.alloc(framePrefixBytes);
  const bodyBytes = body.reduce((sum, part) => sum + part.byteLength, 0);
  prefix.writeUInt32LE(json.length, 0);
  prefix.writeUInt32LE(bodyBytes, 4);
  if (json.length + bodyBytes < oneWriteBytes) return [Buffer.concat([prefix, json, ...body])];
  return [
    Buffer.concat([prefix, json]),
    ...body.map((part) => Buffer.from(part.buffer, part.byteOffset, part.byteLength)),
  ];
}

/** Describes tensors for a header and gives the parts of their body. */
export function packTensors(tensors: NamedTensors): { tensors: WireTensor[]; body: Uint8Array[] } {
  const described: WireTensor[] = [];
  const body: Uint8Array[] = [];
  for (const [name, tensor] of tensors) {
    const { data } = tensor;
    const part = Array.isArray(data)
      ? packStrings(data)
      : new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    described.push({ name, datatype: tensor.datatype, shape: tensor.shape, bytes: part.byteLength });
    body.push(part);
  }
  return { tensors: described, body };
}

/** The inverse of packTensors; copies the elements, so that `body` may be reused. */
export function unpackTensors(described: readonly WireTensor[], body: Uint8Array): NamedTensors {
  const tensors: NamedTensors = new Map();
  let offset = 0;
  for (const { name, datatype: datatypeName, shape, bytes } of described) {
    const part = body.slice(offset, offset + bytes);
    offset += bytes;
    const type = datatype(datatypeName);
    const data = type.kind === 'string' ? unpackStrings(part) : type.view(new Uint8Array(part).buffer);
    tensors.set(name, { datatype: datatypeName, shape, data });
  }
  return tensors;
}

function packStrings(strings: readonly string[]): Uint8Array {
  const parts = strings.flatMap((text) => {
    const bytes = Buffer.from(text, 'utf8');
    const length = Buffer.alloc(4);
    length.writeUInt32LE(bytes.length);
    return [length, bytes];
  });
  return Buffer.concat(parts);
}

function unpackStrings(part: Uint8Array): string[] {
  const bytes = Buffer.from(part.buffer, part.byteOffset, part.byteLength);
  const strings: string[] = [];
  let offset = 0;
  while (offset < bytes.length) {
    const length = bytes.readUInt32LE(offset);
    strings.push(bytes.toString('utf8', offset + 4, offset + 4 + length));
    offset += 4 + length;
  }
  return strings;
}
