import { localeEdits } from './locale.ts';
import { type PreparedModel, prepareModel } from './prepare_model.ts';
import { servingGraph } from './serving_graph.ts';

/**
 * A model as an engine of another machine gets it: the graph that is served here, and text that is folded as in English by the
 * locale that every Linux has, since the images of engines have no other.
 * @throws as prepareModel
 */
export function engineGraph(file: Uint8Array, options: { isPacked: boolean }): PreparedModel {
  const { graph } = prepareModel(file, options);
  return { graph, bytes: servingGraph(graph, localeEdits(graph)) };
}
