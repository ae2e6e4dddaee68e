import {
  attributeField,
  functionField,
  graphField,
  modelField,
  nodeField,
  sparseField,
  tensorField,
  trainingField,
} from './fields.ts';
import { readVarint, type Span, scanFields, wireType } from './wire.ts';

/** The way through the messages to an initializer of the main graph. */
export const initializerWay = '/model/graph/tensor';

/** Graphs inside graphs (branches, loops) deeper than this are refused. */
export const maxNesting = 32;

/** Which fields of a message hold which messages, as far as tensors can be inside. */
export type Message =
  | 'model'
  | 'training'
  | 'function'
  | 'graph'
  | 'node'
  | 'attribute'
  | 'sparse'
  | 'tensor';
export const parts: Record<Message, ReadonlyMap<number, Message>> = {
  model: new Map([
    [modelField.graph, 'graph'],
    [modelField.training, 'training'],
    [modelField.function, 'function'],
  ]),
  training: new Map([
    [trainingField.initialization, 'graph'],
    [trainingField.algorithm, 'graph'],
  ]),
  function: new Map([
    [functionField.node, 'node'],
    [functionField.attribute, 'attribute'],
  ]),
  graph: new Map([
    [graphField.node, 'node'],
    [graphField.initializer, 'tensor'],
    [graphField.sparse, 'sparse'],
  ]),
  node: new Map([[nodeField.attribute, 'attribute']]),
  attribute: new Map([
    [attributeField.tensor, 'tensor'],
    [attributeField.tensors, 'tensor'],
    [attributeField.graph, 'graph'],
    [attributeField.graphs, 'graph'],
    [attributeField.sparse, 'sparse'],
    [attributeField.sparses, 'sparse'],
  ]),
  sparse: new Map([
    [sparseField.values, 'tensor'],
    [sparseField.indices, 'tensor'],
  ]),
  tensor: new Map(),
};

/**
 * Makes sure that the model is all in these bytes. External data names a file, which the runtime would look
 * for in the directory that it happens to run in: a model must not make it read any file. Every tensor is
 * looked at, wherever it is: in the graph, in an operator's attribute, in a branch, in a function.
 * @param isPacked lets initializers of the main graph be outside: those of a packed model are given to the runtime
 * @throws when a tensor has external data, when graphs are nested too deeply, or the bytes are no protobuf.
 */
export function requireSelfContained(model: Uint8Array, { isPacked = false } = {}): void {
  walk(model, 'model', { start: 0, end: model.length }, { nesting: 0, way: '' }, isPacked);
}

/** @param at how deep in graphs, and through which messages */
function walk(
  bytes: Uint8Array,
  message: Message,
  span: Span,
  { nesting, way: above }: { nesting: number; way: string },
  isPacked: boolean,
): void {
  const way = `${above}/${message}`;
  if (isPacked && way === initializerWay) return;
  if (nesting > maxNesting) throw new Error(`its graphs are nested more than ${maxNesting} deep`);
  const inside = parts[message];
  scanFields(bytes, span, (field, type, payload) => {
    if (message === 'tensor' && isExternal(bytes, field, type, payload))
      throw new Error(
        'it keeps tensors in other files (external data), which must be plain files in its folder: put them beside it, or save it with all tensors in the one .onnx file',
      );
    const part = inside.get(field);
    if (part !== undefined && type === wireType.bytes)
      walk(bytes, part, payload, { nesting: part === 'graph' ? nesting + 1 : nesting, way }, isPacked);
  });
}

function isExternal(bytes: Uint8Array, field: number, type: number, payload: Span): boolean {
  if (field === tensorField.external) return true;
  return (
    field === tensorField.location && (type !== wireType.varint || readVarint(bytes, payload.start) !== 0n)
  );
}
