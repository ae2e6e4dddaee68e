import { datatypeOfRuntime } from '../../tensors/datatypes.ts';
import { integersOf } from './attributes.ts';
import { attributeField, elementTypes } from './fields.ts';
import { requireNoOtherFormat } from './file_kind.ts';
import { type Graph, type GraphNode, type GraphValue, readGraph, readInnerGraph } from './read_graph.ts';
import { requireSelfContained } from './self_contained.ts';
import { servingGraph } from './serving_graph.ts';
import { scanFields, wireType } from './wire.ts';

/** A model that may be loaded. */
export interface PreparedModel {
  graph: Graph;
  /** What the runtime is to load: the file's own bytes, or the graph derived from them. */
  bytes: Uint8Array;
}

/**
 * Reads a model file and derives the graph that is served from it; the same bytes always give the same graph.
 * @param isPacked whether initializers of the main graph may be outside, where spreadTensors has said so
 * @throws an Error that says why, when the file cannot be served.
 */
export function prepareModel(file: Uint8Array, { isPacked = false } = {}): PreparedModel {
  requireNoOtherFormat(file);
  requireSelfContained(file, { isPacked });
  const graph = readGraph(file);
  requireInference(graph, graph.nodes);
  for (const { nodes } of graph.functions) requireInference(graph, nodes);
  for (const input of graph.inputs) if (!graph.initializers.has(input.name)) requireServed('input', input);
  for (const output of graph.outputs) if (output.kind === 'tensor') requireServed('output', output);
  return { graph, bytes: servingGraph(graph) };
}

/**
 * The runtime keeps the statistics of a BatchNormalization in training mode from run to run, so that the same row gets
 * another answer each time.
 */
function requireInference(graph: Graph, nodes: readonly GraphNode[]): void {
  for (const node of nodes) {
    if (node.operator === 'BatchNormalization' && integersOf(graph, node, 'training_mode').some(Boolean))
      throw new Error(
        'it was exported in training mode (BatchNormalization), in which each run changes the answers of the next: export it again after model.eval(), in inference mode',
      );
    for (const { span } of node.attributes)
      scanFields(graph.bytes, span, (field, type, payload) => {
        if (type === wireType.bytes && (field === attributeField.graph || field === attributeField.graphs))
          requireInference(graph, readInnerGraph(graph.bytes, payload).nodes);
      });
  }
}

function requireServed(side: 'input' | 'output', { name, kind, elementType }: GraphValue): void {
  if (kind === 'tensor' && elementType === 0) return;
  const type = elementTypes[elementType] ?? `element type ${elementType}`;
  if (kind === 'tensor' && datatypeOfRuntime(type) !== undefined) return;
  const what = kind === 'tensor' ? `tensor of ${type}` : kind === 'unknown' ? 'value of no known type' : kind;
  throw new Error(
    `its ${side} ${JSON.stringify(name.slice(0, 80))} is a ${what}, which cannot be served: only tensors of bool, integers, float16, float32, float64 and string can`,
  );
}
