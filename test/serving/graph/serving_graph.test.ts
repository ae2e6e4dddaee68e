import { expect, test } from 'vitest';
import { readGraph } from '../../../src/serving/graph/read_graph.ts';
import { assignRoles } from '../../../src/serving/graph/roles.ts';
import { servingGraph } from '../../../src/serving/graph/serving_graph.ts';
import { bytesOfModel, integers, join, model, node, sequenceOutput, tensorOutput } from './graph_bytes.ts';

test.each(['linear_float32', 'classifier_int', 'xgboost_binary', 'mixed_columns'])(
  '%s, whose outputs are all tensors, is served as it is',
  (name) => {
    const bytes = bytesOfModel(name);
    expect(servingGraph(readGraph(bytes))).toBe(bytes);
  },
);

test.each(['classifier_zipmap', 'logistic_named_zipmap', 'lightgbm_coded', 'multi_output_classifier'])(
  'the serving graph of %s has tensor outputs, and always the same bytes',
  (name) => {
    const derived = servingGraph(readGraph(bytesOfModel(name)));
    expect(servingGraph(readGraph(bytesOfModel(name)))).toEqual(derived);
    const graph = readGraph(derived);
    expect(graph.outputs.map(({ kind }) => kind)).not.toContain('sequence');
    expect(graph.nodes.map(({ operator }) => operator)).not.toContain('ZipMap');
    expect(servingGraph(graph)).toBe(derived);
  },
);

test('a ZipMap becomes an Identity with one column a class; the rest keeps its bytes', () => {
  const zipMap = node('ZipMap', ['p'], ['maps'], integers('classlabels_int64s', [3, 7]));
  const before = node('Softmax', ['x'], ['p']);
  const file = model(before, zipMap, sequenceOutput('maps'), tensorOutput('p'));
  const derived = readGraph(servingGraph(readGraph(file)));
  expect(derived.nodes.map(({ operator, inputs, outputs }) => [operator, inputs, outputs])).toEqual([
    ['Softmax', ['x'], ['p']],
    ['Identity', ['p'], ['maps']],
  ]);
  expect(derived.outputs.map(({ name, kind, shape }) => [name, kind, shape])).toEqual([
    ['maps', 'tensor', [-1, 2]],
    ['p', 'tensor', undefined],
  ]);
  expect(Buffer.from(derived.bytes).includes(Buffer.from(before))).toBe(true);
});

test('a graph that comes in two pieces is edited in both', () => {
  const zipMap = node('ZipMap', ['p'], ['maps'], integers('classlabels_int64s', [0, 1]));
  const file = join(model(zipMap), model(sequenceOutput('maps')));
  const derived = readGraph(servingGraph(readGraph(file)));
  expect(derived.nodes.map(({ operator }) => operator)).toEqual(['Identity']);
  expect(derived.outputs).toMatchObject([{ name: 'maps', kind: 'tensor', shape: [-1, 2] }]);
});

test('a sequence of tensors becomes those tensors', () => {
  const file = model(node('SequenceConstruct', ['a', 'b', 'a'], ['both']), sequenceOutput('both'));
  // The sequence above does not say of what it is: then it is left alone.
  expect(servingGraph(readGraph(file))).toBe(file);
  const derived = readGraph(servingGraph(readGraph(bytesOfModel('multi_output_classifier'))));
  expect(derived.outputs.map(({ name }) => name)).toEqual([
    'label',
    'probabilities1',
    'probabilities2',
    'probabilities3',
  ]);
});

test('an int and a float output that have nothing to do with one another are no classifier', () => {
  const file = model(
    node('ArgMax', ['x'], ['best']),
    node('Gemm', ['z'], ['other']),
    tensorOutput('best'),
    tensorOutput('other'),
  );
  const roles = assignRoles(readGraph(file), [
    { name: 'best', datatype: 'INT64', shape: [-1] },
    { name: 'other', datatype: 'FP32', shape: [-1, 3] },
  ]);
  expect(roles.map(({ role }) => role)).toEqual(['label', 'scores']);
  const plain = assignRoles(readGraph(model(node('Add', ['x', 'y'], ['n']), tensorOutput('n'))), [
    { name: 'n', datatype: 'INT64', shape: [-1] },
    { name: 'm', datatype: 'FP32', shape: [-1, 3] },
  ]);
  expect(plain.map(({ role }) => role)).toEqual([undefined, undefined]);
});
