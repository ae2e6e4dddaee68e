import { expect, test } from 'vitest';
import { namedRows } from '../../../src/serving/graph/named_rows.ts';
import type { GraphValue } from '../../../src/serving/graph/read_graph.ts';

type Dimension = string | number;

function value(name: string, ...dimensions: Dimension[]): GraphValue {
  return {
    name,
    kind: 'tensor',
    elementType: 1,
    shape: dimensions.map((dimension) => (typeof dimension === 'number' ? dimension : -1)),
    dimensionNames: dimensions.map((dimension) => (typeof dimension === 'number' ? '' : dimension)),
    elementOfSequence: undefined,
    field: { start: 0, end: 0 },
  };
}

test.each<[string, Dimension[][], Dimension[], unknown]>([
  ['the name of the rows', [['batch', 4]], ['batch', 2], 0],
  ['it on another axis', [['batch', 4]], [2, 'batch'], 1],
  ['it, made up', [['s0', 4]], ['s0'], 0],
  ['another name', [['batch', 4]], ['num_dets', 4], 'otherwise'],
  ['no name', [['batch', 4]], ['', 4], undefined],
  ['no name in the inputs', [['', 4]], ['num_dets', 4], undefined],
  ['what stands for no name', [['None', 4]], ['None', 2], undefined],
  ['names that tf2onnx made up', [['unk__7', 4]], ['unk__8', 2], undefined],
  ['names that Paddle made up', [['DynamicDimension.0', 4]], ['DynamicDimension.1'], undefined],
  ['a name that torch made up', [['batch', 4]], ['Gemmoutput_dim_0', 2], undefined],
  ['several inputs with the same rows', [['batch', 4], ['batch']], ['batch'], 0],
  [
    'inputs with rows of their own',
    [
      ['texts', 4],
      ['images', 3],
    ],
    ['texts', 'images'],
    'call',
  ],
  ['a fixed number of rows and a name', [[1, 3]], ['num_dets', 4], 'call'],
  ['a fixed number of rows', [[1, 3]], [1, 4], undefined],
  ['an input that is no row', [[]], ['n'], undefined],
])('%s', (_, inputs, output, expected) => {
  const named = namedRows(
    inputs.map((dimensions, index) => value(`x${index}`, ...dimensions)),
    [value('y', ...output)],
  );
  expect(named.get('y')).toBe(expected);
});
