import { floatAttribute, hasAttribute, hasNonZero } from './attributes.ts';
import { encodesNaN } from './known_inputs.ts';
import type { Graph, GraphNode } from './read_graph.ts';

/** Which way a missing value goes at each split of a tree ensemble: 1 with the condition, 0 against it. */
const missingDirections = 'nodes_missing_value_tracks_true';

/**
 * Whether a model was made to take missing values (NaN): it fills them in (Imputer), asks for them (IsNaN),
 * has a category for them (an encoder of numbers), or has trees that learned their direction at the splits. Every
 * converter writes directions of 0 for a forest that was trained without missing values; such forests count only when
 * they are of onnxmltools (LightGBM, XGBoost) or CatBoost, whose libraries take a missing value at every split.
 */
export function takesMissing(graph: Graph): boolean {
  const boosted = /^(onnxmltools|catboost)$/i.test(graph.producer);
  return (
    encodesNaN(graph) ||
    graph.nodes.some(
      (node) =>
        node.operator === 'IsNaN' ||
        fillsIn(graph, node) ||
        (hasAttribute(node, missingDirections) && (boosted || hasNonZero(graph, node, missingDirections))),
    )
  );
}

function fillsIn(graph: Graph, node: GraphNode): boolean {
  return (
    node.operator === 'Imputer' && Number.isNaN(floatAttribute(graph, node, 'replaced_value_float') ?? 0)
  );
}
