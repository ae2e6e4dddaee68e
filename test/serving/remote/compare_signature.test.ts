import { expect, test } from 'vitest';
import type { TensorSpec } from '../../../src/registry/signature.ts';
import { modelMetadata, signatureDifference } from '../../../src/serving/remote/compare_signature.ts';

const version: { inputs: TensorSpec[]; outputs: TensorSpec[] } = {
  inputs: [{ name: 'x', datatype: 'FP32', shape: [-1, 3] }],
  outputs: [
    { name: 'label', datatype: 'INT64', shape: [-1] },
    { name: 'scores', datatype: 'FP32', shape: [-1, 2] },
  ],
};
type Tensors = { name: string; datatype: string; shape: (number | string)[] }[];
const outputs: Tensors = version.outputs;
const differenceTo = (inputs: Tensors, given = outputs) =>
  signatureDifference(version, modelMetadata.parse({ name: 'm', inputs, outputs: given }));
const x = (datatype: string, ...shape: (number | string)[]) => [{ name: 'x', datatype, shape }];

test.each<[string, Tensors, Tensors?]>([
  ['the same', x('FP32', -1, 3)],
  ['sizes as text', x('FP32', '-1', '3')],
  ['an input that takes more', x('FP32', -1, -1)],
  [
    'outputs that are left open',
    x('FP32', -1, 3),
    outputs.map((output) => ({ ...output, shape: output.shape.map(() => -1) })),
  ],
  ['a further output', x('FP32', -1, 3), [...outputs, { name: 'more', datatype: 'FP32', shape: [1] }]],
])('%s is no difference', (_, inputs, given) => {
  expect(differenceTo(inputs, given)).toBeUndefined();
});

test.each<[string, Tensors, Tensors | undefined, string]>([
  ['a datatype', x('FP64', -1, 3), undefined, 'its input "x" is FP64, that of the version FP32'],
  ['a width', x('FP32', -1, 4), undefined, 'its input "x" has the shape [-1,4], that of the version [-1,3]'],
  ['a rank', x('FP32', 3), undefined, 'its input "x" has the shape [3], that of the version [-1,3]'],
  [
    'rows that are fixed there',
    x('FP32', 1, 3),
    undefined,
    'its input "x" has the shape [1,3], that of the version [-1,3]',
  ],
  [
    'an input of its own',
    [...x('FP32', -1, 3), { name: 'y', datatype: 'FP32', shape: [1] }],
    undefined,
    'it wants the input "y", which the version does not have',
  ],
  ['no inputs at all', [], undefined, 'it has no input "x" (it names no inputs at all)'],
  [
    'an output that is missing',
    x('FP32', -1, 3),
    outputs.slice(0, 1),
    'it has no output "scores" (it has "label")',
  ],
  [
    'an output of another width',
    x('FP32', -1, 3),
    [
      { name: 'label', datatype: 'INT64', shape: [-1] },
      { name: 'scores', datatype: 'FP32', shape: [-1, 3] },
    ],
    'its output "scores" has the shape [-1,3], that of the version [-1,2]',
  ],
])('%s is one', (_, inputs, given, said) => {
  expect(differenceTo(inputs, given)).toBe(said);
});
