import { attributeField, elementTypes, tensorField } from './fields.ts';
import type { Graph, GraphNode } from './read_graph.ts';
import { readIntegers, readText, readVarint, type Span, scanFields, wireType } from './wire.ts';

/** A class as the model codes it; an integer beyond 2^53 is its decimal text, as in predictions. */
export type ClassCode = string | number;

/** More classes than this are not named: no answer could carry their probabilities. */
const maxClasses = 10_000;
const maxLabelLength = 512;

/** Whether a node has an attribute. */
export function hasAttribute(node: GraphNode, name: string): boolean {
  return findAttribute(node, name) !== undefined;
}

/** The text of an attribute such as post_transform, or undefined. */
export function textAttribute(graph: Graph, node: GraphNode, name: string): string | undefined {
  let text: string | undefined;
  visitAttribute(graph, node, name, (field, type, payload) => {
    if (field === attributeField.text && type === wireType.bytes) text = readText(graph.bytes, payload);
  });
  return text;
}

/** The number of an attribute of type float, or undefined. */
export function floatAttribute(graph: Graph, node: GraphNode, name: string): number | undefined {
  let value: number | undefined;
  const { bytes } = graph;
  visitAttribute(graph, node, name, (field, type, payload) => {
    if (field === attributeField.float && type === wireType.fixed32)
      value = new DataView(bytes.buffer, bytes.byteOffset).getFloat32(payload.start, true);
  });
  return value;
}

/** Whether any integer of an attribute is not 0; it may have millions. */
export function hasNonZero(graph: Graph, node: GraphNode, name: string): boolean {
  let found = false;
  const { bytes } = graph;
  visitAttribute(graph, node, name, (field, type, payload) => {
    if (field !== attributeField.integers || found) return;
    found =
      type === wireType.varint
        ? readVarint(bytes, payload.start) !== 0n
        : bytes.subarray(payload.start, payload.end).some((byte) => byte !== 0);
  });
  return found;
}

/** The classes that an attribute lists, as integers or as texts; empty when there are none or too many. */
export function classesOfAttribute(graph: Graph, node: GraphNode, name: string): ClassCode[] {
  const { bytes } = graph;
  const classes = new ClassList();
  visitAttribute(graph, node, name, (field, type, payload) => {
    if (field === attributeField.integers) readIntegers(bytes, type, payload).forEach(classes.addInteger);
    if (field === attributeField.texts) classes.add(labelText(bytes, payload));
  });
  return classes.codes();
}

/** The classes that a constant tensor of int32, int64 or text lists; empty for any other. */
export function classesOfTensor(graph: Graph, tensor: Span): ClassCode[] {
  const { bytes } = graph;
  const classes = new ClassList();
  const type = elementTypeOf(bytes, tensor);
  scanFields(bytes, tensor, (field, wire, payload) => {
    if (field === (type === 'int64' ? tensorField.int64s : tensorField.int32s) && type !== 'string')
      readIntegers(bytes, wire, payload).forEach(classes.addInteger);
    if (type === 'string' && field === tensorField.texts) classes.add(labelText(bytes, payload));
    if (field === tensorField.raw && (type === 'int32' || type === 'int64'))
      rawIntegers(bytes, payload, type).forEach(classes.addInteger);
  });
  return classes.codes();
}

function elementTypeOf(bytes: Uint8Array, tensor: Span): string | undefined {
  let type: string | undefined;
  scanFields(bytes, tensor, (field, wire, payload) => {
    if (field === tensorField.type && wire === wireType.varint)
      type = elementTypes[Number(readVarint(bytes, payload.start))];
  });
  return type;
}

function rawIntegers(bytes: Uint8Array, { start, end }: Span, type: 'int32' | 'int64'): bigint[] {
  const size = type === 'int32' ? 4 : 8;
  const view = new DataView(bytes.buffer, bytes.byteOffset + start, end - start);
  return Array.from({ length: Math.min(Math.floor(view.byteLength / size), maxClasses + 1) }, (_, index) =>
    type === 'int32' ? BigInt(view.getInt32(index * size, true)) : view.getBigInt64(index * size, true),
  );
}

/** Gathers classes up to the number that is named. */
class ClassList {
  readonly #codes: ClassCode[] = [];

  add(code: ClassCode): void {
    if (this.#codes.length <= maxClasses) this.#codes.push(code);
  }

  readonly addInteger = (integer: bigint): void => {
    this.add(Number.isSafeInteger(Number(integer)) ? Number(integer) : String(integer));
  };

  codes(): ClassCode[] {
    return this.#codes.length > maxClasses ? [] : this.#codes;
  }
}

function labelText(bytes: Uint8Array, span: Span): string {
  if (span.end - span.start > 4 * maxLabelLength)
    throw new Error(`the name of a class has ${span.end - span.start} bytes`);
  return readText(bytes, span);
}

function visitAttribute(
  graph: Graph,
  node: GraphNode,
  name: string,
  visit: (field: number, type: number, payload: Span) => void,
): void {
  const attribute = findAttribute(node, name);
  if (attribute !== undefined) scanFields(graph.bytes, attribute, visit);
}

function findAttribute(node: GraphNode, name: string): Span | undefined {
  return node.attributes.find((attribute) => attribute.name === name)?.span;
}
