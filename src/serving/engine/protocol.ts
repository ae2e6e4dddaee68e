import { isPlainObject } from '../../plain_object.ts';
import { type DatatypeName, datatypes } from '../../registry/datatypes.ts';
import type { InspectedOutput, ModelOrigin } from '../../registry/model_inspector.ts';
import type { Tensor } from '../../tensors/datatypes.ts';
import { bytesOfElements, elementsOfBytes } from '../../tensors/element_bytes.ts';
import type { KnownInput } from '../graph/known_inputs.ts';
import type { NamedRows } from '../graph/named_rows.ts';
import type { RowIndependence } from '../graph/rows/row_independence.ts';

/** The names that the graph gives the dimensions of an input; null where it gives none. */
export interface NamedDimensions {
  input: string;
  names: (string | null)[];
}

/**
 * The wire between the server and an engine host. A frame is: u32 length of the header, u32 length of the
 * body, f64 milliseconds of the run that it answers, else 0 (all little-endian), the header as JSON, the body. The
 * header of a run's frames is thus the same for calls of the same shape, and is parsed once. Tensors are described in the header; their
 * elements are the body, one tensor after the other, in the byte order of the machine. String elements are
 * each a u32 byte length and UTF-8.
 */
export const framePrefixBytes = 16;

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
export interface ValueMetadata
  extends Pick<InspectedOutput, 'unranked' | 'role' | 'raw' | 'classes' | 'decided_by'> {
  /** Where an output has its rows, by the names of its dimensions. */
  namedRows?: NamedRows;
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
      /** What the graph names of its inputs' widths and categories. */
      known: KnownInput[];
      /** What the graph calls the dimensions of its inputs. */
      dimensions: NamedDimensions[];
      /** Whether rows can change one another's answers. */
      rows: RowIndependence;
    })
  | { status: 'ran'; tensors: WireTensor[] }
  | { status: 'artifact_mismatch' }
  /** The outputs have more elements than a run may give back. */
  | { status: 'too_large'; elements: number }
  | { status: 'failed'; message: string };

/**
 * The header of a frame for a host, by a look at its parts: a schema would cost as much as a small run.
 * @throws Error for what is none
 */
export function parseRequest(json: string): HostRequest {
  const header: unknown = JSON.parse(json);
  if (!isRequest(header)) throw new Error('a frame that is no request');
  return header;
}

function isRequest(header: unknown): header is HostRequest {
  if (!isPlainObject(header)) return false;
  if (header.operation === 'run') return areTensors(header.tensors) && areTexts(header.fetches);
  return (
    header.operation === 'load' &&
    typeof header.path === 'string' &&
    typeof header.sha256 === 'string' &&
    typeof header.threads === 'number'
  );
}

/** As parseRequest, for a frame of a host. @throws Error for what is none */
export function parseAnswer(json: string): HostAnswer {
  const header: unknown = JSON.parse(json);
  if (!isAnswer(header)) throw new Error('a frame that is no answer');
  return header;
}

function isAnswer(header: unknown): header is HostAnswer {
  if (!isPlainObject(header)) return false;
  switch (header.status) {
    case 'ran':
      return areTensors(header.tensors);
    case 'loaded':
      return (
        [header.inputs, header.outputs, header.known, header.dimensions].every(Array.isArray) &&
        typeof header.takesMissing === 'boolean' &&
        isPlainObject(header.rows)
      );
    case 'too_large':
      return typeof header.elements === 'number';
    case 'failed':
      return typeof header.message === 'string';
    default:
      return header.status === 'artifact_mismatch';
  }
}

function areTensors(given: unknown): boolean {
  return (
    Array.isArray(given) &&
    given.every(
      (tensor: unknown) =>
        isPlainObject(tensor) &&
        typeof tensor.name === 'string' &&
        datatypes.some((name) => name === tensor.datatype) &&
        Array.isArray(tensor.shape) &&
        tensor.shape.every(Number.isInteger) &&
        typeof tensor.bytes === 'number',
    )
  );
}

function areTexts(given: unknown): boolean {
  return Array.isArray(given) && given.every((text) => typeof text === 'string');
}

/** The parsed headers of frames: one that is the same as that before it is not parsed again. */
export function headerParser<Header>(parse: (json: string) => Header): (bytes: Buffer) => Header {
  let last: { bytes: Buffer; header: Header } | undefined;
  return (bytes) => {
    if (last?.bytes.equals(bytes)) return last.header;
    const header = parse(bytes.toString('utf8'));
    last = { bytes: Buffer.from(bytes), header };
    return header;
  };
}

/** Frames up to this size are one buffer, so that they are one write. */
const oneWriteBytes = 64 * 1024;

/** Makes frames, as buffers to be written one after the other; the JSON of a header that is the same as that before it is not made again. */
export type Framer = (
  header: HostRequest | HostAnswer,
  body?: readonly Uint8Array[],
  /** What the run took that it answers, milliseconds. */
  runMs?: number,
) => Buffer[];

export function framer(): Framer {
  let last: { header: HostRequest | HostAnswer; json: Buffer } | undefined;
  return (header, body = [], runMs = 0) => {
    if (last === undefined || !areSameRuns(last.header, header))
      last = { header, json: Buffer.from(JSON.stringify(header)) };
    const { json } = last;
    let bodyBytes = 0;
    for (const part of body) bodyBytes += part.byteLength;
    const isSmall = json.length + bodyBytes < oneWriteBytes;
    const start = Buffer.allocUnsafe(framePrefixBytes + json.length + (isSmall ? bodyBytes : 0));
    start.writeUInt32LE(json.length, 0);
    start.writeUInt32LE(bodyBytes, 4);
    start.writeDoubleLE(runMs, 8);
    start.set(json, framePrefixBytes);
    if (!isSmall)
      return [start, ...body.map((part) => Buffer.from(part.buffer, part.byteOffset, part.byteLength))];
    let offset = framePrefixBytes + json.length;
    for (const part of body) {
      start.set(part, offset);
      offset += part.byteLength;
    }
    return [start];
  };
}

/** Whether two headers are those of runs of the same tensors, or of answers of the same. */
function areSameRuns(a: HostRequest | HostAnswer, b: HostRequest | HostAnswer): boolean {
  if ('operation' in a)
    return (
      a.operation === 'run' &&
      'operation' in b &&
      b.operation === 'run' &&
      areEqual(a.fetches, b.fetches) &&
      areAlike(a.tensors, b.tensors)
    );
  return a.status === 'ran' && 'status' in b && b.status === 'ran' && areAlike(a.tensors, b.tensors);
}

function areAlike(a: readonly WireTensor[], b: readonly WireTensor[]): boolean {
  return (
    a.length === b.length &&
    a.every((one, index) => {
      const other = b[index];
      return (
        other !== undefined &&
        one.name === other.name &&
        one.datatype === other.datatype &&
        one.bytes === other.bytes &&
        areEqual(one.shape, other.shape)
      );
    })
  );
}

function areEqual<T>(a: readonly T[], b: readonly T[]): boolean {
  return a === b || (a.length === b.length && a.every((one, index) => one === b[index]));
}

/** Describes tensors for a header and gives the parts of their body. */
export function packTensors(tensors: NamedTensors): { tensors: WireTensor[]; body: Uint8Array[] } {
  const described: WireTensor[] = [];
  const body: Uint8Array[] = [];
  for (const [name, tensor] of tensors) {
    const part = bytesOfElements(tensor.data);
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
    const data = elementsOfBytes(datatypeName, body.subarray(offset, offset + bytes));
    offset += bytes;
    tensors.set(name, { datatype: datatypeName, shape, data });
  }
  return tensors;
}
