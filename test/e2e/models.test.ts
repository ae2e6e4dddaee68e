import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { startServer, type TestServer } from './client.ts';
import { testModel } from './environment.ts';

interface TensorJson {
  datatype: string;
  shape: number[];
  data: unknown[];
}

interface ModelCase {
  model: string;
  /** Read without a schema for the keys: one of them is __proto__. */
  inputs: Record<string, TensorJson>;
  outputs: Record<string, TensorJson>;
  tolerance: number;
}

const isModelCase = (value: unknown): value is ModelCase =>
  typeof value === 'object' && value !== null && 'model' in value && 'inputs' in value && 'outputs' in value;
const { cases: read } = z
  .object({ cases: z.array(z.custom<ModelCase>(isModelCase)) })
  .parse(JSON.parse(readFileSync(new URL('../models/expected.json', import.meta.url), 'utf8')));

/** From 2^53 on a JSON number does not tell a whole number from the next one: there it travels as text. */
function exactly({ datatype, shape, data }: TensorJson): TensorJson {
  if (datatype !== 'INT64') return { datatype, shape, data };
  return {
    datatype,
    shape,
    data: data.map((value) => (Number.isSafeInteger(value) ? value : String(value))),
  };
}

const cases = read.map((one) => ({
  ...one,
  inputs: mapTensors(one.inputs, exactly),
  outputs: mapTensors(one.outputs, exactly),
}));

const models = [...new Set(cases.map(({ model }) => model))];

/** Models whose inputs are not columns that one record has a value for each of. */
const withoutRecords = new Map([
  ['image_like', 'not named columns'],
  ['sum_free_columns', 'or register with feature_names'],
]);

let server: TestServer;
beforeAll(async () => {
  server = await startServer();
});
afterAll(() => server.close());

describe.each(models)('%s', (model) => {
  let features: { name: string; input: string; column: number }[];
  beforeAll(async () => {
    const deployed = await server.call('deploy_model', {
      model_id: model,
      version: '1',
      source: testModel(model),
    });
    // An answer shows the first of many features; get_model has all.
    const detailed = { model_id: model, version: '1', response_format: 'detailed' };
    const whole =
      deployed.signature.not_whole === undefined
        ? deployed.signature
        : (await server.call('get_model', detailed)).versions[0]?.signature;
    features = whole?.features ?? [];
    const reason = withoutRecords.get(model);
    if (reason !== undefined) expect(deployed.warnings.join(' ')).toContain(reason);
    expect(features.length > 0).toBe(reason === undefined);
  });

  const own = cases.filter((one) => one.model === model);

  it.each(own.map((one, index) => ({ ...one, index })))(
    'tensors, case $index',
    async ({ inputs, outputs, tolerance }) => {
      const answer = await server.call('predict', { model_id: model, tensors: inputs });
      expect(Object.keys(answer.outputs ?? {}).toSorted()).toEqual(Object.keys(outputs).toSorted());
      for (const [name, expected] of Object.entries(outputs))
        expectTensor(new Map(Object.entries(answer.outputs ?? {})).get(name), expected, tolerance);
      const rows = rowsOf(inputs);
      expect(answer.predictions).toHaveLength(rows);
      expect(new Set(answer.predictions.map(({ prediction_id }) => prediction_id)).size).toBe(rows);
    },
  );

  it.skipIf(withoutRecords.has(model)).each(own.map((one, index) => ({ ...one, index })))(
    'records, case $index',
    async ({ inputs, outputs, tolerance }) => {
      const rows = rowsOf(inputs);
      const tensors = new Map(Object.entries(inputs));
      const records = Array.from({ length: rows }, (_, row) =>
        Object.fromEntries(
          features.map(({ name, input, column }) => {
            const { shape = [], data = [] } = tensors.get(input) ?? {};
            return [name, data[row * (shape[1] ?? 1) + column]];
          }),
        ),
      );
      const answer = await server.call('predict', { model_id: model, inputs: records });
      if (model === 'long_answer') {
        // Its output is not one per row, so it belongs to the call.
        expect(answer.predictions.map(({ value }) => value)).toEqual([null]);
        expectTensor(Object(answer.outputs).y, Object(outputs).y, tolerance);
        return;
      }
      expect(answer.outputs).toBeUndefined();
      answer.predictions.forEach(({ value, probabilities }, row) => {
        const [first, second] = Object.values(outputs).map((tensor) => rowOf(tensor, row, rows));
        // A classifier's label and probabilities; else the output, or all outputs in their order.
        if (model.startsWith('classifier')) {
          expect(value).toBe(first?.[0]);
          expectNumbers(Object.values(probabilities ?? {}), second ?? [], tolerance);
          return;
        }
        expect(probabilities).toBeUndefined();
        const expected = [first, second].filter((part) => part !== undefined);
        const parts = expected.length === 1 ? [value] : z.array(z.unknown()).parse(value);
        expect(parts).toHaveLength(expected.length);
        expected.forEach((part, index) => {
          const found = parts[index];
          expectNumbers(Array.isArray(found) ? found : [found], part, tolerance);
        });
      });
    },
  );
});
describe('an input that was made up to try a model is no verdict on it', () => {
  const graphs = z
    .object({ tensors: z.array(z.custom<ModelCase>(isModelCase)) })
    .parse(JSON.parse(readFileSync(new URL('../models/expected_graphs.json', import.meta.url), 'utf8')));
  const deploy = (model: string, version: string, more: object = {}) =>
    server.call('deploy_model', { model_id: model, version, source: testModel(model), ...more });
  const notYet = /has not run yet/;

  it.each(['needs_pixels', 'needs_steps'])(
    '%s: by what it says, and by a probe in tensors',
    async (model) => {
      const [one] = graphs.tensors.filter((each) => each.model === model);
      const inputs = one?.inputs ?? {};
      const [output] = Object.values(one?.outputs ?? {});
      const untried = await deploy(model, '1');
      expect(untried.status).toBe('ready');
      expect(untried.warnings.join(' ')).toMatch(notYet);
      const expected = output?.shape.length === 1 ? output.data : output?.data.map((each) => [each]);
      const tried = await deploy(model, '2', {
        probe: { tensors: inputs, ...(output?.shape.length === 1 && { expect: expected }), tolerance: 1e-4 },
      });
      expect(tried.warnings.join(' ')).not.toMatch(notYet);
      const answer = await server.call('predict', { model_id: model, tensors: inputs });
      expectTensor(
        Object.values(answer.outputs ?? {})[0],
        output ?? { datatype: '', shape: [], data: [] },
        1e-5,
      );
      const off = await server.fail('deploy_model', {
        model_id: model,
        version: '2',
        probe: { tensors: inputs, expect: output?.data.map(() => -1000) },
      });
      expect(off.code).toBe('GATE_FAILED');
    },
  );

  it('a category, or a width, that the graph names is tried', async () => {
    for (const [model, more] of [
      ['onehot_strict', {}],
      ['forest_free', {}],
      ['forest_free', { feature_names: ['a', 'b', 'c', 'd'] }],
    ] as const) {
      const deployed = await deploy(model, `${Object.keys(more).length}`, more);
      expect(deployed.warnings.join(' '), model).not.toMatch(notYet);
    }
  });

  it('one that ends the process', async () => {
    const deployed = await deploy('divides', '1');
    if (process.arch === 'x64') expect(deployed.warnings.join(' ')).toMatch(notYet);
    const answer = await server.call('predict', { model_id: 'divides', inputs: [{ x: 5 }] });
    expect(answer.predictions[0]?.value).toBe(2);
  });

  it('a probe is rows or tensors, not both', async () => {
    const { code, message } = await server.fail('deploy_model', {
      model_id: 'divides',
      version: '1',
      probe: { inputs: [{ x: 1 }], tensors: { x: { datatype: 'INT64', shape: [1, 1], data: [1] } } },
    });
    expect([code, message]).toEqual(['INVALID_INPUT', expect.stringContaining('exactly one')]);
  });
});

it('a missing category is named, where null would have been one', async () => {
  await server.call('deploy_model', { model_id: 'encoded', version: '1', source: testModel('onehot_none') });
  const { code, message, hint } = await server.fail('predict', {
    model_id: 'encoded',
    inputs: [{ city: null }],
  });
  expect(code).toBe('SIGNATURE_MISMATCH');
  expect(`${message} ${hint}`).toContain('"None"');
  const input_path = join(server.directory, 'cities.csv');
  writeFileSync(input_path, 'city,id\nNone,1\n"",2\n,3\n');
  const { warnings } = await server.call('predict_file', { model_id: 'encoded', input_path });
  expect(warnings).toEqual([
    '"city" is empty in 2 rows, which the model was given as empty text; in training it knew missing values as "None": write that where a value is missing.',
  ]);
});

function mapTensors(
  tensors: Record<string, TensorJson>,
  change: (tensor: TensorJson) => TensorJson,
): Record<string, TensorJson> {
  return Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [name, change(tensor)]));
}

/** The first dimension that all tensors share. */
function rowsOf(tensors: Record<string, TensorJson>): number {
  return Object.values(tensors)[0]?.shape[0] ?? 1;
}

function rowOf({ data }: TensorJson, row: number, rows: number): unknown[] {
  const width = data.length / rows;
  return data.slice(row * width, (row + 1) * width);
}

function expectTensor(found: TensorJson | undefined, expected: TensorJson, tolerance: number): void {
  expect(found).toMatchObject({ datatype: expected.datatype, shape: expected.shape });
  expectNumbers(found?.data ?? [], expected.data, tolerance);
}

/** |found - expected| <= tolerance · max(1, |expected|) for numbers, after rounding to float32; else the same. */
function expectNumbers(found: readonly unknown[], expected: readonly unknown[], tolerance: number): void {
  expect(found).toHaveLength(expected.length);
  expected.forEach((want, index) => {
    const got = found[index];
    if (typeof want !== 'number' || typeof got !== 'number' || (tolerance === 0 && want === got)) {
      expect(got).toEqual(want);
      return;
    }
    const distance = Math.min(Math.abs(got - want), Math.abs(Math.fround(got) - Math.fround(want)));
    expect(distance).toBeLessThanOrEqual(tolerance * Math.max(1, Math.abs(want)));
  });
}
