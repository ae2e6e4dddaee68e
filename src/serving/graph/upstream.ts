import type { Graph, GraphNode } from './read_graph.ts';

const unchanged = new Set(['Identity', 'Cast', 'Reshape', 'Squeeze', 'Unsqueeze', 'Flatten', 'ZipMap']);

/** Whether a node changes a tensor's form only. */
export function isUnchanged({ operator }: GraphNode): boolean {
  return unchanged.has(operator);
}

/** The node that makes a tensor, looking through those that only change its form. */
export function originOf(graph: Graph, name: string): GraphNode | undefined {
  let node = graph.producers.get(name);
  for (let steps = 0; node !== undefined && unchanged.has(node.operator); steps++) {
    if (steps > 100) return undefined;
    node = graph.producers.get(node.inputs[0] ?? '');
  }
  return node;
}

/** Every tensor that a tensor is computed from, itself included. */
export function upstreamOf(graph: Graph, name: string): Set<string> {
  const seen = new Set([name]);
  // Iteration over a set includes elements that are added meanwhile.
  for (const tensor of seen) for (const input of graph.producers.get(tensor)?.inputs ?? []) seen.add(input);
  return seen;
}

/** The node that makes an output that is a sequence, looking through Identity. */
export function nonTensorOrigin(graph: Graph, name: string): GraphNode | undefined {
  let node = graph.producers.get(name);
  for (let steps = 0; node?.operator === 'Identity' && steps < 100; steps++)
    node = graph.producers.get(node.inputs[0] ?? '');
  return node;
}
