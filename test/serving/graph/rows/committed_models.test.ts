import { readdirSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { expect, test } from 'vitest';
import { readGraph } from '../../../../src/serving/graph/read_graph.ts';
import { rowIndependence } from '../../../../src/serving/graph/rows/row_independence.ts';
import { servingGraph } from '../../../../src/serving/graph/serving_graph.ts';
import { modelFile } from '../../../models/model_file.ts';

/** The models whose rows are not proven independent, and what stands in the way. */
const dependent = {
  beside_rows: 'ReduceMax',
  centred_batch: 'ReduceMean',
  deep_nesting: 'a tensor that nothing makes',
  detector: 'NonZero',
  detector_unnamed: 'NonZero',
  knn_imputer: 'Compress',
  long_answer: 'ReduceMax',
  memory_balloon: 'ReduceMax',
  // Of series shorter than twelve steps, its Reshape would make one row of two.
  needs_steps: 'Reshape',
  slow_run: 'ReduceMax',
  // The width of what it makes is that of the longest text in the run.
  text_classifier: 'Tokenizer',
  text_classifier_column: 'Tokenizer',
  unknown_domain: 'an operator that is not known',
  unknown_operator: 'Frobnicate',
  optional_type: 'its inputs do not all have as many rows',
  scalar_input: 'its inputs do not all have as many rows',
  sequence_input: 'its inputs do not all have as many rows',
  training_operator: 'its inputs do not all have as many rows',
  unranked_input: 'its inputs do not all have as many rows',
};

test('every other model of the committed sets has rows that are proven independent', () => {
  const found: Record<string, string> = {};
  let proven = 0;
  for (const file of readdirSync(dirname(modelFile('linear_float32')))) {
    if (!file.endsWith('.onnx')) continue;
    const graph = graphOf(file.replace('.onnx', ''));
    if (graph === undefined) continue;
    const rows = rowIndependence(
      graph,
      graph.outputs.map(({ name }) => name),
    );
    if (rows.independent) proven++;
    else found[file.replace('.onnx', '')] = rows.because;
  }
  expect(found).toEqual(dependent);
  expect(proven).toBeGreaterThan(80);
});

test('an output that has its rows along another axis than the first is said', () => {
  const graph = graphOf('forest_multilabel');
  expect(graph && rowIndependence(graph, ['probabilities'])).toEqual({
    independent: true,
    outputsByRow: false,
  });
  expect(graph && rowIndependence(graph, ['label'])).toEqual({ independent: true, outputsByRow: true });
});

/** The graph that is served of a model; undefined of files that are no models. */
function graphOf(name: string) {
  try {
    const bytes = servingGraph(readGraph(readFileSync(modelFile(name))));
    return readGraph(bytes);
  } catch {
    return undefined;
  }
}
