import { datatypeOfRuntime } from '../codec/datatypes.ts';
import { elementTypes } from './fields.ts';
import { requireNoOtherFormat } from './file_kind.ts';
import { type Graph, type GraphValue, readGraph } from './read_graph.ts';
import { requireSelfContained } from './self_contained.ts';
import { servingGraph } from './serving_graph.ts';

/** A model that may be loaded. */
export interface PreparedModel {
  graph: Graph;
  /** What the runtime is to load: the file's own bytes, or the graph derived from them. */
  bytes: Uint8Array;
}

/**
 * Reads a model file and derives the graph that is served from it; the same bytes always give the same graph.
 * @throws an Error that says why, when the file cannot be served.
 */
export function prepareModel(file: Uint8Array): PreparedModel {
  requireNoOtherFormat(file);
  requireSelfContained(file);
  const graph = readGraph(file);
  for (const input of graph.inputs) if (!graph.initializers.has(input.name)) requireServed('input', input);
  for (const output of graph.outputs) if (output.kind === 'tensor') requireServed('output', output);
  return { graph, bytes: servingGraph(graph) };
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
