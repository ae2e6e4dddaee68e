import {
  dimensionField,
  graphField,
  modelField,
  nodeField,
  opsetField,
  shapeField,
  tensorTypeField,
  typeField,
  valueField,
} from './fields.ts';
import { zipMapClasses } from './labels.ts';
import type { Graph, GraphNode, GraphValue } from './read_graph.ts';
import { nonTensorOrigin } from './upstream.ts';
import { bytesField, type Span, varintField } from './wire.ts';

/** A part of the model's bytes, and what stands in its place. */
export interface Edit {
  at: Span;
  by: Uint8Array;
}

const float32 = 1;
/** The opset that is imported for Identity where a model imports none of ONNX's own. */
const identityOpset = 13;

/**
 * The graph that is served: outputs that are no tensors, which onnxruntime-node cannot fetch, are taken back
 * to the tensors they were made of. A ZipMap (a sequence of maps from class to probability, which skl2onnx and
 * onnxmltools put at the end of classifiers) becomes an Identity, its output a tensor with one column a class;
 * a SequenceConstruct goes, and the tensors it gathered are outputs of their own. Everything else keeps its
 * bytes; a graph without such outputs is returned as it is.
 * @param more further edits to be made.
 */
export function servingGraph(graph: Graph, more: readonly Edit[] = []): Uint8Array {
  const edits = [...more, ...graph.outputs.flatMap((output) => editsOf(graph, output))];
  if (edits.length === 0) return graph.bytes;
  edits.sort((a, b) => a.at.start - b.at.start);
  const { bytes } = graph;
  const parts: Uint8Array[] = [];
  let position = 0;
  for (const field of graph.fields) {
    parts.push(
      bytes.subarray(position, field.start),
      bytesField(modelField.graph, edited(bytes, field, edits)),
    );
    position = field.end;
  }
  parts.push(bytes.subarray(position));
  if (!graph.opsets.has('') && !graph.opsets.has('ai.onnx'))
    parts.push(
      bytesField(
        modelField.opset,
        Buffer.concat([bytesField(opsetField.domain, ''), varintField(opsetField.version, identityOpset)]),
      ),
    );
  return Buffer.concat(parts);
}

/** The content of one graph field with its edits made. */
function edited(bytes: Uint8Array, field: Span, edits: readonly Edit[]): Uint8Array {
  const parts: Uint8Array[] = [];
  let position = contentStart(bytes, field);
  for (const { at, by } of edits) {
    // An edit may be asked for twice, when two outputs lead to one node.
    if (at.start < position || at.end > field.end) continue;
    parts.push(bytes.subarray(position, at.start), by);
    position = at.end;
  }
  parts.push(bytes.subarray(position, field.end));
  return Buffer.concat(parts);
}

/** After the tag and the length, which are two varints. */
function contentStart(bytes: Uint8Array, field: Span): number {
  let position = field.start;
  for (let varints = 0; varints < 2; position++) if ((bytes[position] ?? 0) < 0x80) varints++;
  return position;
}

function editsOf(graph: Graph, output: GraphValue): Edit[] {
  if (output.kind !== 'sequence') return [];
  const node = nonTensorOrigin(graph, output.name);
  if (node?.operator === 'ZipMap') return zipMapEdits(graph, output, node);
  if (node?.operator === 'SequenceConstruct') return sequenceEdits(graph, output, node);
  return [];
}

function zipMapEdits(graph: Graph, output: GraphValue, node: GraphNode): Edit[] {
  const classes = zipMapClasses(graph, node).length;
  const type = tensorType(classes === 0 ? -1 : classes);
  const identity = Buffer.concat([
    ...node.inputs.map((input) => bytesField(nodeField.input, input)),
    ...node.outputs.map((name) => bytesField(nodeField.output, name)),
    bytesField(nodeField.operator, 'Identity'),
  ]);
  const described = graph.values.filter(({ name }) => node.outputs.includes(name) || name === output.name);
  return [
    { at: node.field, by: bytesField(graphField.node, identity) },
    { at: output.field, by: outputField(output.name, type) },
    ...described.map(({ field }) => ({ at: field, by: new Uint8Array() })),
  ];
}

function sequenceEdits(graph: Graph, output: GraphValue, node: GraphNode): Edit[] {
  const { elementOfSequence } = output;
  if (elementOfSequence === undefined || !node.outputs.includes(output.name)) return [];
  const type = graph.bytes.subarray(elementOfSequence.start, elementOfSequence.end);
  const names = [...new Set(node.inputs)].filter(
    (name) => !graph.outputs.some((other) => other.name === name),
  );
  return [
    { at: node.field, by: new Uint8Array() },
    { at: output.field, by: Buffer.concat(names.map((name) => outputField(name, type))) },
  ];
}

function outputField(name: string, type: Uint8Array): Uint8Array {
  return bytesField(
    graphField.output,
    Buffer.concat([bytesField(valueField.name, name), bytesField(valueField.type, type)]),
  );
}

/** The type of float32 [free, columns]. */
function tensorType(columns: number): Uint8Array {
  const dimension = (content: Uint8Array) => bytesField(shapeField.dimension, content);
  const shape = Buffer.concat([
    dimension(new Uint8Array()),
    dimension(columns === -1 ? new Uint8Array() : varintField(dimensionField.size, columns)),
  ]);
  return bytesField(
    typeField.tensor,
    Buffer.concat([varintField(tensorTypeField.element, float32), bytesField(tensorTypeField.shape, shape)]),
  );
}
