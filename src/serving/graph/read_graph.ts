import {
  attributeField,
  dimensionField,
  functionField,
  graphField,
  modelField,
  nodeField,
  opsetField,
  sequenceTypeField,
  shapeField,
  tensorField,
  tensorTypeField,
  typeField,
  valueField,
} from './fields.ts';
import { readIntegers, readText, readVarint, type Span, scanFields, wireType } from './wire.ts';

/** A node of the main graph; its attributes are read when they are asked for. */
export interface GraphNode {
  name: string;
  operator: string;
  /** '' is ONNX's own. */
  domain: string;
  inputs: string[];
  outputs: string[];
  attributes: { name: string; span: Span }[];
  /** The whole field, tag included. */
  field: Span;
}

/** An input or output of the main graph. */
export interface GraphValue {
  name: string;
  kind: 'tensor' | 'sequence' | 'map' | 'sparse' | 'optional' | 'unknown';
  /** Number of the element type of a tensor; 0 when it is not said. */
  elementType: number;
  /** Dimensions of a tensor, -1 where free; undefined when its rank is unknown. */
  shape: number[] | undefined;
  /** What the file calls each dimension; '' where it does not. */
  dimensionNames: string[];
  /** The type of a sequence's elements. */
  elementOfSequence: Span | undefined;
  field: Span;
}

export interface Graph {
  bytes: Uint8Array;
  producer: string;
  producerVersion: string;
  /** The domains of operators that the model imports, each with the version of its operator set. */
  opsets: Map<string, number>;
  /** The fields of the model that hold the graph; more than one are read as if they were one. */
  fields: Span[];
  nodes: GraphNode[];
  inputs: GraphValue[];
  outputs: GraphValue[];
  initializers: Map<string, Span>;
  /** The fields that describe tensors between the nodes. */
  values: { name: string; field: Span }[];
  /** Functions that the model defines of its own. */
  functions: GraphFunction[];
  /** Which node makes a tensor. */
  producers: Map<string, GraphNode>;
}

const maxNodes = 1_000_000;
const maxValues = 10_000;
const maxNameLength = 512;

/**
 * Reads a model's main graph: its nodes, inputs, outputs and the names of its weights.
 * @throws when it is not a model, or has more nodes, inputs or outputs, or longer names, than are served.
 */
export function readGraph(bytes: Uint8Array): Graph {
  const graph = emptyGraph(bytes);
  scanFields(bytes, { start: 0, end: bytes.length }, (field, type, payload, tagStart) => {
    if (type !== wireType.bytes) return;
    if (field === modelField.producer) graph.producer = readText(bytes, payload);
    else if (field === modelField.producerVersion) graph.producerVersion = readText(bytes, payload);
    else if (field === modelField.opset)
      graph.opsets.set(textField(bytes, payload, opsetField.domain), opsetVersion(bytes, payload));
    else if (field === modelField.function) graph.functions.push(readFunction(bytes, payload));
    else if (field === modelField.graph) {
      graph.fields.push({ start: tagStart, end: payload.end });
      readInto(graph, payload);
    }
  });
  if (graph.fields.length === 0) throw new Error('it holds no graph, so it is no ONNX model');
  if (graph.outputs.length === 0) throw new Error('its graph has no outputs');
  return graph;
}

function emptyGraph(bytes: Uint8Array): Graph {
  return {
    bytes,
    producer: '',
    producerVersion: '',
    opsets: new Map(),
    fields: [],
    nodes: [],
    inputs: [],
    outputs: [],
    initializers: new Map(),
    values: [],
    functions: [],
    producers: new Map(),
  };
}

/** A graph inside a node: a branch, or the body of a loop. */
export function readInnerGraph(bytes: Uint8Array, span: Span): Graph {
  const graph = emptyGraph(bytes);
  readInto(graph, span);
  return graph;
}

/** A function that the model defines of its own. */
export interface GraphFunction {
  name: string;
  domain: string;
  inputs: string[];
  outputs: string[];
  nodes: GraphNode[];
  opsets: Map<string, number>;
  /** The values of attributes that a call does not give. */
  defaults: ReadonlyMap<string, Span>;
}

function readFunction(bytes: Uint8Array, span: Span): GraphFunction {
  const body = emptyGraph(bytes);
  const read: GraphFunction & { defaults: Map<string, Span> } = {
    name: textField(bytes, span, functionField.name),
    domain: textField(bytes, span, functionField.domain),
    inputs: [],
    outputs: [],
    nodes: body.nodes,
    opsets: body.opsets,
    defaults: new Map(),
  };
  scanFields(bytes, span, (field, type, payload, tagStart) => {
    if (type !== wireType.bytes) return;
    if (field === functionField.input) read.inputs.push(readText(bytes, payload));
    else if (field === functionField.output) read.outputs.push(readText(bytes, payload));
    else if (field === functionField.node) addNode(body, payload, { start: tagStart, end: payload.end });
    else if (field === functionField.opset)
      read.opsets.set(textField(bytes, payload, opsetField.domain), opsetVersion(bytes, payload));
    else if (field === functionField.attribute)
      read.defaults.set(firstText(bytes, payload, attributeField.name), payload);
  });
  return read;
}

function readInto(graph: Graph, span: Span): void {
  const { bytes } = graph;
  scanFields(bytes, span, (field, type, payload, tagStart) => {
    if (type !== wireType.bytes) return;
    const whole = { start: tagStart, end: payload.end };
    if (field === graphField.node) addNode(graph, payload, whole);
    else if (field === graphField.initializer)
      graph.initializers.set(textField(bytes, payload, tensorField.name), payload);
    else if (field === graphField.input) addValue(graph.inputs, readValue(bytes, payload, whole));
    else if (field === graphField.output) addValue(graph.outputs, readValue(bytes, payload, whole));
    else if (field === graphField.value)
      graph.values.push({ name: textField(bytes, payload, valueField.name), field: whole });
  });
}

function addNode(graph: Graph, payload: Span, field: Span): void {
  const node: GraphNode = {
    name: '',
    operator: '',
    domain: '',
    inputs: [],
    outputs: [],
    attributes: [],
    field,
  };
  const { bytes } = graph;
  scanFields(bytes, payload, (number, type, content) => {
    if (type !== wireType.bytes) return;
    if (number === nodeField.attribute)
      node.attributes.push({ name: firstText(bytes, content, attributeField.name), span: content });
    else if (number === nodeField.name) node.name = readText(bytes, content);
    else if (number === nodeField.input) node.inputs.push(readText(bytes, content));
    else if (number === nodeField.output) node.outputs.push(readText(bytes, content));
    else if (number === nodeField.operator) node.operator = readText(bytes, content);
    else if (number === nodeField.domain) node.domain = readText(bytes, content);
  });
  if (graph.nodes.push(node) > maxNodes) throw new Error(`its graph has more than ${maxNodes} nodes`);
  for (const output of node.outputs) graph.producers.set(output, node);
}

function addValue(values: GraphValue[], value: GraphValue): void {
  if (value.name.length > maxNameLength)
    throw new Error(
      `the name of an input or output has ${value.name.length} characters (at most ${maxNameLength})`,
    );
  if (values.push(value) > maxValues)
    throw new Error(`its graph has more than ${maxValues} inputs or outputs`);
}

function readValue(bytes: Uint8Array, payload: Span, field: Span): GraphValue {
  const value: GraphValue = {
    name: textField(bytes, payload, valueField.name),
    kind: 'unknown',
    elementType: 0,
    shape: undefined,
    dimensionNames: [],
    elementOfSequence: undefined,
    field,
  };
  scanFields(bytes, payload, (number, type, content) => {
    if (number === valueField.type && type === wireType.bytes) readType(bytes, content, value);
  });
  return value;
}

function readType(bytes: Uint8Array, span: Span, value: GraphValue): void {
  scanFields(bytes, span, (field, type, payload) => {
    if (type !== wireType.bytes) return;
    if (field === typeField.tensor) {
      value.kind = 'tensor';
      readTensorType(bytes, payload, value);
    } else if (field === typeField.sequence) {
      value.kind = 'sequence';
      scanFields(bytes, payload, (number, _, content) => {
        if (number === sequenceTypeField.element) value.elementOfSequence = content;
      });
    } else if (field === typeField.map) value.kind = 'map';
    else if (field === typeField.sparse) value.kind = 'sparse';
    else if (field === typeField.optional) value.kind = 'optional';
  });
}

function readTensorType(bytes: Uint8Array, span: Span, value: GraphValue): void {
  scanFields(bytes, span, (field, type, payload) => {
    if (field === tensorTypeField.element && type === wireType.varint)
      value.elementType = Number(readVarint(bytes, payload.start));
    if (field !== tensorTypeField.shape || type !== wireType.bytes) return;
    const shape: number[] = value.shape ?? [];
    value.shape = shape;
    scanFields(bytes, payload, (number, _, dimension) => {
      if (number !== shapeField.dimension) return;
      shape.push(readDimension(bytes, dimension));
      value.dimensionNames.push(textField(bytes, dimension, dimensionField.name));
    });
  });
}

function readDimension(bytes: Uint8Array, span: Span): number {
  let size = -1;
  scanFields(bytes, span, (field, type, payload) => {
    if (field === dimensionField.size && type === wireType.varint)
      size = Number(readIntegers(bytes, type, payload)[0] ?? -1n);
  });
  return size;
}

function opsetVersion(bytes: Uint8Array, span: Span): number {
  let version = 0;
  scanFields(bytes, span, (field, type, payload) => {
    if (field === opsetField.version && type === wireType.varint)
      version = Number(readVarint(bytes, payload.start));
  });
  return version;
}

function textField(bytes: Uint8Array, span: Span, wanted: number): string {
  let text = '';
  scanFields(bytes, span, (field, type, payload) => {
    if (field === wanted && type === wireType.bytes) text = readText(bytes, payload);
  });
  return text;
}

/** The text of the first such field, which for an attribute spares walking through millions of numbers. */
function firstText(bytes: Uint8Array, span: Span, wanted: number): string {
  let text = '';
  scanFields(bytes, span, (field, type, payload) => {
    if (field !== wanted || type !== wireType.bytes) return true;
    text = readText(bytes, payload);
    return false;
  });
  return text;
}
