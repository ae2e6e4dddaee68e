import { hasAttribute, textAttribute } from './attributes.ts';
import type { Graph, GraphNode } from './read_graph.ts';
import { originOf } from './upstream.ts';

/** Operators whose results have no bounds: sums of products, distances, logarithms. */
const unbounded = new Set([
  'MatMul',
  'Gemm',
  'Conv',
  'LinearRegressor',
  'SVMRegressor',
  'LogSoftmax',
  'Log',
  'Sqrt',
  'Neg',
]);
/** Operators that pass values on from their first input. */
const passing = new Set(['Slice', 'Gather', 'ArrayFeatureExtractor', 'Transpose', 'Dropout']);
const maxSteps = 100;

/**
 * Whether an output is scores that are no probabilities by the way they are computed: the decision values of
 * a linear model or a support vector machine, a network's logits, distances. False only says that the graph
 * does not show it.
 */
export function isRaw(graph: Graph, output: string): boolean {
  let name = output;
  for (let steps = 0; steps < maxSteps; steps++) {
    const node = originOf(graph, name);
    if (node === undefined) return false;
    if (unbounded.has(node.operator)) return true;
    if (node.operator === 'LinearClassifier') return isLinear(graph, node);
    if (node.operator === 'SVMClassifier') return !hasAttribute(node, 'prob_a');
    const next = passing.has(node.operator) ? node.inputs[0] : biased(graph, node);
    if (next === undefined) return false;
    name = next;
  }
  return false;
}

/** Whether a label is decided by the votes of a support vector machine that gives no probabilities. */
export function isByVotes(graph: Graph, label: string): boolean {
  const node = graph.producers.get(label);
  return node?.operator === 'SVMClassifier' && !hasAttribute(node, 'prob_a');
}

function isLinear(graph: Graph, node: GraphNode): boolean {
  return (textAttribute(graph, node, 'post_transform') ?? 'NONE') === 'NONE';
}

/** What a constant is added to, as a bias is. */
function biased(graph: Graph, { operator, inputs }: GraphNode): string | undefined {
  if (operator !== 'Add' || !inputs.some((input) => graph.initializers.has(input))) return undefined;
  return inputs.find((input) => !graph.initializers.has(input));
}
