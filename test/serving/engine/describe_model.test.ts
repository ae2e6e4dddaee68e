import { expect, test } from 'vitest';
import { describeModel } from '../../../src/serving/engine/describe_model.ts';
import type { ValueMetadata } from '../../../src/serving/engine/protocol.ts';

const float = (name: string, shape = [-1, 3]): ValueMetadata => ({
  name,
  isTensor: true,
  type: 'float32',
  shape,
});
const maps: ValueMetadata = { name: 'maps', isTensor: false, type: 'sequence or map', shape: [] };

test('tensors are described in the terms of the Open Inference Protocol', () => {
  const described = describeModel([float('x')], [{ ...float('y', [-1]), type: 'int64' }]);
  expect(described).toMatchObject({
    inputs: [{ name: 'x', datatype: 'FP32', shape: [-1, 3] }],
    outputs: [{ name: 'y', datatype: 'INT64', shape: [-1] }],
    warnings: [],
  });
});

test('an output that is no tensor is left out, and said to be', () => {
  const { outputs, warnings } = describeModel([float('x')], [float('y'), maps]);
  expect(outputs.map(({ name }) => name)).toEqual(['y']);
  expect(warnings).toEqual([expect.stringContaining('maps')]);
});

test.each<[string, ValueMetadata[], ValueMetadata[], RegExp]>([
  ['an input that is no tensor', [maps], [float('y')], /input "?maps/],
  ['an input of another type', [{ ...float('x'), type: 'complex64' }], [float('y')], /tensor of complex64/],
  [
    'an input that no call could carry',
    [float('x', [-1, 20_000, 20_000])],
    [float('y')],
    /20000×20000 elements/,
  ],
  ['no output that can be served', [float('x')], [maps], /no output that can be served/],
])('a model with %s cannot be served', (_, inputs, outputs, message) => {
  expect(() => describeModel(inputs, outputs)).toThrow(
    expect.objectContaining({ code: 'ARTIFACT_INVALID', message: expect.stringMatching(message) }),
  );
});
