import { expect, test } from 'vitest';
import { callParameters, outputWishes } from '../../src/open_inference/call_parameters.ts';
import { classification } from '../../src/open_inference/classification.ts';

test('what a call asks for, in the forms of JSON and of gRPC', () => {
  expect(
    callParameters({
      parameters: {
        entity_key: 'u1',
        version: '2',
        prediction_ids: ['a', 'b'],
        timeout: 1500,
        binary_data_output: true,
      },
    }),
  ).toEqual({
    version: '2',
    entityKey: 'u1',
    predictionIds: ['a', 'b'],
    timeoutMs: 1.5,
    binaryOutputs: true,
    warnings: [],
  });
  expect(callParameters({ parameters: { prediction_ids: '["a","b"]', timeout: 0 } })).toMatchObject({
    predictionIds: ['a', 'b'],
    timeoutMs: undefined,
    binaryOutputs: false,
  });
  expect(callParameters({ parameters: { prediction_ids: 'one' } })).toMatchObject({ predictionIds: ['one'] });
});

test('what tritonclient and MLServer’s clients send beside has no effect, and what nobody knows is said to have none', () => {
  expect(
    callParameters({
      parameters: {
        priority: 2n ** 63n,
        content_type: 'np',
        headers: {},
        sequence_id: 0,
        sequence_start: false,
      },
    }).warnings,
  ).toEqual([]);
  expect(callParameters({ parameters: { entity_keys: 'u1' } }).warnings).toEqual([
    'The parameter "entity_keys" is not known here and had no effect. Did you mean entity_key?',
  ]);
  expect(callParameters({ parameters: {}, unknownMembers: ['version', 'verbose'] }).warnings).toEqual([
    '"version" stands beside inputs, where it had no effect: it is one of the call\'s parameters.',
    'The call\'s member "verbose" is not known here and had no effect.',
  ]);
});

test.each([
  [{ sequence_id: 7 }, /sequence_id/],
  [{ sequence_id: 'seven', sequence_start: true }, /sequence_id/],
  [{ timeout: -1 }, /parameters\.timeout/],
  [{ timeout: 'soon' }, /parameters\.timeout/],
  [{ entity_key: '' }, /parameters\.entity_key/],
  [{ prediction_ids: [1] }, /parameters\.prediction_ids/],
  [{ prediction_ids: '["a", "b"' }, /parameters\.prediction_ids/],
  [{ binary_data_output: 'yes' }, /binary_data_output/],
])('%j is refused', (parameters, message) => {
  expect(() => callParameters({ parameters })).toThrow(
    expect.objectContaining({ code: 'INVALID_INPUT', message: expect.stringMatching(message) }),
  );
});

test('how an output is wanted', () => {
  const wish = (parameters: Record<string, unknown>) => outputWishes([{ name: 'y', parameters }]).get('y');
  expect(wish({})).toEqual({ isBinary: undefined, classes: undefined, warnings: [] });
  expect(wish({ binary_data: false, classification: 3, content_type: 'np' })).toEqual({
    isBinary: false,
    classes: 3,
    warnings: [],
  });
  expect(wish({ clasification: 3 })?.warnings).toEqual([
    'The parameter "clasification" of the output "y" is not known here and had no effect. Did you mean classification?',
  ]);
  expect(() => wish({ classification: -1 })).toThrow(/classification of the output "y"/);
  expect(() => wish({ shared_memory_region: 'r' })).toThrow(/shared memory is not served/);
  const twice = { name: 'y', parameters: {} };
  expect(() => outputWishes([twice, twice])).toThrow(/The output "y" is asked for twice/);
});

test('classification: the largest values of each row, with their places and labels', () => {
  const scores = {
    datatype: 'FP32' as const,
    shape: [2, 3],
    data: new Float32Array([0.25, 0.5, 0.25, -1, Number.NaN, 2]),
  };
  expect(classification(scores, 2, ['cat', 'dog'])).toEqual({
    datatype: 'BYTES',
    shape: [2, 2],
    data: ['0.500000:1:dog', '0.250000:0:cat', '2.000000:2', '-1.000000:0:cat'],
  });
  expect(classification(scores, 9, undefined)).toMatchObject({ shape: [2, 3] });
  expect(
    classification({ datatype: 'INT64', shape: [1, 2], data: new BigInt64Array([3n, 7n]) }, 1, undefined)
      ?.data,
  ).toEqual(['7.000000:1']);
  expect(classification({ datatype: 'BYTES', shape: [1], data: ['cat'] }, 1, undefined)).toBeUndefined();
});
