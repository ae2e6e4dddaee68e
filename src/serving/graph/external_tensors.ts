import { tensorField } from './fields.ts';
import { packedDataName, packTrailer } from './packed_model.ts';
import { initializerWay, type Message, maxNesting, parts } from './self_contained.ts';
import { bytesField, readText, readVarint, type Span, scanFields, varintField, wireType } from './wire.ts';

/**
 * ONNX models whose large tensors are in other files, as PyTorch and mlflow.onnx.log_model write them by default: they
 * become one file that needs no other. Up to ONNX's limit of 2 GB that is a model with all tensors inside. Beyond, the
 * large tensors of the main graph come after the graph, packed as packed_model.ts says.
 */

/** A stretch of a file beside the model. */
export interface Stretch {
  location: string;
  offset: number;
  length: number;
}

/** A piece of the whole model: bytes of the model's own file, new ones, or a stretch of another file. */
export type Piece = Uint8Array | Stretch;

/** Bytes of a file beside the model; undefined: there is none of that name. */
export type LengthOf = (location: string) => number | undefined;

/** Protobuf takes 2^31 - 1 bytes; the rest is room for what the served graph adds. */
export const maxGraphBytes = 2 ** 31 - 2 ** 20;

/** A smaller tensor stays in the graph, where it can be read with it. */
const minPackedBytes = 2 ** 20;

/** Fields of StringStringEntryProto. */
const entryField = { key: 1, value: 2 } as const;
/** TensorProto.DataLocation. */
const external = 1;

/** What is done with the tensors whose data is elsewhere. */
interface Rules {
  lengthOf: LengthOf;
  /** The fields that stand for an initializer of the main graph instead; undefined puts it inside. */
  place?: ((data: Stretch) => Uint8Array | undefined) | undefined;
}

/**
 * The model as one file that needs no other, as pieces in order; undefined when it is that already.
 * @throws Error when the bytes are no protobuf, a tensor names what is not there, or the graph alone is above 2 GB
 */
export function wholeModel(model: Uint8Array, lengthOf: LengthOf): Piece[] | undefined {
  const inside = inlineTensors(model, lengthOf);
  return inside === undefined || bytesOf(inside) <= maxGraphBytes
    ? inside
    : packTensors(model, lengthOf, minPackedBytes);
}

/**
 * The model with every tensor inside, as pieces in order; undefined when it has them all already.
 * @throws Error when the bytes are no protobuf, or a tensor names what is not there
 */
export function inlineTensors(model: Uint8Array, lengthOf: LengthOf): Piece[] | undefined {
  const { pieces, changed } = rewriteModel(model, { lengthOf });
  return changed ? pieces : undefined;
}

/**
 * The model with the large initializers of its main graph packed behind it, as pieces in order.
 * @param smallest bytes from which an initializer is large
 * @throws Error as inlineTensors, and when the graph without them is too large
 */
export function packTensors(model: Uint8Array, lengthOf: LengthOf, smallest: number): Piece[] {
  const packed: Stretch[] = [];
  let end = 0;
  const { pieces } = rewriteModel(model, {
    lengthOf,
    place(data) {
      if (data.length < smallest) return undefined;
      const fields = externalFields({ location: packedDataName, offset: end, length: data.length });
      packed.push(data);
      end += data.length;
      return fields;
    },
  });
  const graphBytes = bytesOf(pieces);
  if (graphBytes > maxGraphBytes)
    throw new Error('without its large tensors it still has more than 2 GB, which is the limit of ONNX');
  return [...pieces, ...packed, packTrailer(graphBytes)];
}

/** A packed model's graph, with every tensor that is behind it under a name of its own. */
export interface SpreadModel {
  graph: Uint8Array;
  /** In their order, without gaps. */
  tensors: { name: string; length: number }[];
}

/**
 * Takes the graph of a packed model apart from its data.
 * @param dataBytes all that lies between the graph and the trailer
 * @throws Error when a tensor names anything else, or the data is not exactly that of the tensors, in order
 */
export function spreadTensors(packed: Uint8Array, dataBytes: number): SpreadModel {
  const tensors: SpreadModel['tensors'] = [];
  let end = 0;
  const { pieces } = rewriteModel(packed, {
    lengthOf: (location) => (location === packedDataName ? dataBytes : undefined),
    place({ offset, length }) {
      if (offset !== end) throw new Error('its packed tensors do not follow one another');
      const name = `tensor ${tensors.length}`;
      tensors.push({ name, length });
      end += length;
      return externalFields({ location: name, offset: 0, length });
    },
  });
  const inGraph = pieces.map((piece) => {
    if ('location' in piece)
      throw new Error('it keeps a tensor outside that is no initializer of its main graph');
    return piece;
  });
  if (end !== dataBytes) throw new Error('it holds packed data that belongs to no tensor');
  return { graph: Buffer.concat(inGraph), tensors };
}

function bytesOf(pieces: readonly Piece[]): number {
  return pieces.reduce((sum, piece) => sum + piece.length, 0);
}

function externalFields({ location, offset, length }: Stretch): Uint8Array {
  const said = { location, offset: String(offset), length: String(length) };
  return Buffer.concat([
    ...Object.entries(said).map(([key, value]) =>
      bytesField(
        tensorField.external,
        Buffer.concat([bytesField(entryField.key, key), bytesField(entryField.value, value)]),
      ),
    ),
    varintField(tensorField.location, external),
  ]);
}

interface Rewritten {
  pieces: Piece[];
  changed: boolean;
}

function rewriteModel(model: Uint8Array, rules: Rules): Rewritten {
  return rewrite(model, 'model', { start: 0, end: model.length }, { nesting: 0, way: '' }, rules);
}

function rewrite(
  bytes: Uint8Array,
  message: Message,
  span: Span,
  /** How deep in graphs, and through which messages. */
  at: { nesting: number; way: string },
  rules: Rules,
): Rewritten {
  if (at.nesting > maxNesting) throw new Error(`its graphs are nested more than ${maxNesting} deep`);
  const way = `${at.way}/${message}`;
  if (message === 'tensor') return rewriteTensor(bytes, span, way === initializerWay, rules);
  const inside = parts[message];
  const pieces: Piece[] = [];
  let changed = false;
  let kept = span.start;
  scanFields(bytes, span, (field, type, payload, tagStart) => {
    const part = inside.get(field);
    if (part === undefined || type !== wireType.bytes) return;
    const nesting = part === 'graph' ? at.nesting + 1 : at.nesting;
    const own = rewrite(bytes, part, payload, { nesting, way }, rules);
    if (!own.changed) return;
    changed = true;
    pieces.push(bytes.subarray(kept, tagStart), head(field, own.pieces), ...own.pieces);
    kept = payload.end;
  });
  pieces.push(bytes.subarray(kept, span.end));
  return { pieces, changed };
}

/** A tensor whose data is elsewhere becomes one with the same data as raw bytes, or at another place. */
function rewriteTensor(bytes: Uint8Array, span: Span, isInitializer: boolean, rules: Rules): Rewritten {
  const kept: Piece[] = [];
  const said = new Map<string, string>();
  let isExternal = false;
  scanFields(bytes, span, (field, type, payload, tagStart) => {
    if (field === tensorField.location && type === wireType.varint) {
      isExternal = readVarint(bytes, payload.start) !== 0n;
    } else if (field === tensorField.external && type === wireType.bytes) {
      let key = '';
      let value = '';
      scanFields(bytes, payload, (entry, _, content) => {
        if (entry === entryField.key) key = readText(bytes, content);
        if (entry === entryField.value) value = readText(bytes, content);
      });
      said.set(key, value);
    } else kept.push(bytes.subarray(tagStart, payload.end));
  });
  if (!isExternal) return { pieces: [bytes.subarray(span.start, span.end)], changed: false };
  // Some exporters write `./` before the name of a file in the same folder.
  const location = (said.get('location') ?? '').replace(/^\.\//, '');
  const whole = rules.lengthOf(location);
  if (whole === undefined)
    throw new Error(
      `it keeps tensors in other files (external data), and ${JSON.stringify(location.slice(0, 100))} is no plain file beside it (links and folders are not followed)`,
    );
  const offset = Number(said.get('offset') ?? 0);
  const length = said.has('length') ? Number(said.get('length')) : whole - offset;
  if (
    !(
      Number.isSafeInteger(offset) &&
      Number.isSafeInteger(length) &&
      offset >= 0 &&
      length >= 0 &&
      offset + length <= whole
    )
  )
    throw new Error(`it keeps a tensor beyond the end of the file ${JSON.stringify(location.slice(0, 100))}`);
  const data = { location, offset, length };
  const placed = isInitializer ? rules.place?.(data) : undefined;
  if (placed !== undefined) return { pieces: [...kept, placed], changed: true };
  return { pieces: [...kept, head(tensorField.raw, [data]), data], changed: true };
}

/** Tag and length of a field whose payload is these pieces. */
function head(field: number, payload: readonly Piece[]): Uint8Array {
  const length = payload.reduce((sum, piece) => sum + piece.length, 0);
  // A field of no bytes ends with its length, 0: tag and length are what is before it.
  const tag = bytesField(field, '').subarray(0, -1);
  // A varint field of number 0 would begin with one byte of tag.
  return Buffer.concat([tag, varintField(0, length).subarray(1)]);
}
