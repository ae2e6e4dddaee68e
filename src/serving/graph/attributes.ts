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

/** The integers of the first of these attributes that has any. */
export function integersOf(graph: Graph, node: GraphNode, ...names: string[]): number[] {
  for (const name of names) {
    const integers: number[] = [];
    visitAttribute(graph, node, name, (field, type, payload) => {
      if (field !== attributeField.integers && field !== attributeField.integer) return;
      for (const integer of readIntegers(graph.bytes, type, payload)) integers.push(Number(integer));
    });
    if (integers.length > 0) return integers;
  }
  return [];
}

/** How many floats or integers an attribute lists; 0 where it is not there. */
export function countNumbers(graph: Graph, node: GraphNode, name: string): number {
  let count = 0;
  visitAttribute(graph, node, name, (field, type, payload) => {
    if (field === attributeField.floats)
      count += type === wireType.fixed32 ? 1 : (payload.end - payload.start) / 4;
    if (field === attributeField.integers) count += readIntegers(graph.bytes, type, payload).length;
  });
  return count;
}

/** The texts that these attributes list or have in a tensor, without those that are too long to be shown. */
export function textsOf(graph: Graph, node: GraphNode, names: readonly string[]): string[] {
  const { bytes } = graph;
  const texts: string[] = [];
  const add = (span: Span) => {
    if (span.end - span.start <= maxLabelLength && texts.length < maxClasses)
      texts.push(readText(bytes, span));
  };
  for (const name of names)
    visitAttribute(graph, node, name, (field, type, payload) => {
      if (type !== wireType.bytes) return;
      if (field === attributeField.texts) add(payload);
      if (field === attributeField.tensor)
        scanFields(bytes, payload, (part, wire, content) => {
          if (part === tensorField.texts && wire === wireType.bytes) add(content);
        });
    });
  return texts;
}

/** Whether one of the float32 numbers (or float64 of a tensor) that these attributes list is NaN. */
export function hasNaN(graph: Graph, node: GraphNode, names: readonly string[]): boolean {
  const { bytes } = graph;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let found = false;
  const look = ({ start, end }: Span, size: 4 | 8) => {
    for (let at = start; at + size <= end && !found; at += size)
      found = Number.isNaN(size === 4 ? view.getFloat32(at, true) : view.getFloat64(at, true));
  };
  for (const name of names)
    visitAttribute(graph, node, name, (field, _, payload) => {
      if (field === attributeField.floats) look(payload, 4);
      if (field !== attributeField.tensor) return;
      const type = elementTypeOf(bytes, payload);
      scanFields(bytes, payload, (part, _wire, content) => {
        if (part === tensorField.floats) look(content, 4);
        if (part === tensorField.doubles) look(content, 8);
        if (part === tensorField.raw && type === 'float32') look(content, 4);
        if (part === tensorField.raw && type === 'float64') look(content, 8);
      });
    });
  return found;
}

/** The sizes of a tensor. */
export function tensorShape(bytes: Uint8Array, tensor: Span): number[] {
  const shape: number[] = [];
  scanFields(bytes, tensor, (field, type, payload) => {
    if (field === tensorField.dimension)
      for (const size of readIntegers(bytes, type, payload)) shape.push(Number(size));
  });
  return shape;
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
