import { tensorField } from '../serving/graph/fields.ts';
import { type Message, maxNesting, parts } from '../serving/graph/self_contained.ts';
import {
  bytesField,
  readText,
  readVarint,
  type Span,
  scanFields,
  varintField,
  wireType,
} from '../serving/graph/wire.ts';

/**
 * ONNX models whose large tensors are in other files, as mlflow.onnx.log_model writes them by default: they are
 * put into the model, because what is served is one file that needs no other.
 */

/** A piece of the whole model: bytes of the model's own file, new ones, or a stretch of another file. */
export type Piece = Uint8Array | { location: string; offset: number; length: number };

/** Fields of StringStringEntryProto. */
const entryField = { key: 1, value: 2 } as const;

/**
 * The model with every tensor inside, as pieces in order; undefined when it has them all already.
 * @param lengthOf bytes of a file beside the model; undefined: there is none of that name
 * @throws Error when the bytes are no protobuf, or a tensor names what is not there
 */
export function inlineTensors(
  model: Uint8Array,
  lengthOf: (location: string) => number | undefined,
): Piece[] | undefined {
  const { pieces, changed } = rewrite(model, 'model', { start: 0, end: model.length }, 0, lengthOf);
  return changed ? pieces : undefined;
}

interface Rewritten {
  pieces: Piece[];
  changed: boolean;
}

function rewrite(
  bytes: Uint8Array,
  message: Message,
  span: Span,
  nesting: number,
  lengthOf: (location: string) => number | undefined,
): Rewritten {
  if (nesting > maxNesting) throw new Error(`its graphs are nested more than ${maxNesting} deep`);
  if (message === 'tensor') return rewriteTensor(bytes, span, lengthOf);
  const inside = parts[message];
  const pieces: Piece[] = [];
  let changed = false;
  let kept = span.start;
  scanFields(bytes, span, (field, type, payload, tagStart) => {
    const part = inside.get(field);
    if (part === undefined || type !== wireType.bytes) return;
    const own = rewrite(bytes, part, payload, part === 'graph' ? nesting + 1 : nesting, lengthOf);
    if (!own.changed) return;
    changed = true;
    pieces.push(bytes.subarray(kept, tagStart), head(field, own.pieces), ...own.pieces);
    kept = payload.end;
  });
  pieces.push(bytes.subarray(kept, span.end));
  return { pieces, changed };
}

/** A tensor whose data is elsewhere becomes one with the same data as raw bytes. */
function rewriteTensor(
  bytes: Uint8Array,
  span: Span,
  lengthOf: (location: string) => number | undefined,
): Rewritten {
  const kept: Piece[] = [];
  const said = new Map<string, string>();
  let external = false;
  scanFields(bytes, span, (field, type, payload, tagStart) => {
    if (field === tensorField.location && type === wireType.varint) {
      external = readVarint(bytes, payload.start) !== 0n;
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
  if (!external) return { pieces: [bytes.subarray(span.start, span.end)], changed: false };
  const location = said.get('location') ?? '';
  const whole = lengthOf(location);
  if (whole === undefined)
    throw new Error(
      `it keeps a tensor in the file ${JSON.stringify(location.slice(0, 100))}, which is not beside it`,
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
