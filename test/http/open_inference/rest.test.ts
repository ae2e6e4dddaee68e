import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { readAnswer } from '../../../src/open_inference/json_messages.ts';
import type { InferenceAnswer } from '../../../src/open_inference/messages.ts';
import { packageVersion } from '../../../src/package_info.ts';
import { startServer } from '../../e2e/client.ts';
import { askedGames, facts, learned } from '../../e2e/nba.ts';
import { type Served, serveModels } from './served.ts';

let server: Served;
beforeAll(async () => {
  server = await serveModels();
});
afterAll(() => server.close());

async function get(path: string): Promise<{ status: number; body: unknown }> {
  const response = await fetch(`${server.url}${path}`);
  return { status: response.status, body: await response.json() };
}

async function post(
  path: string,
  body: unknown,
  headers: Record<string, string> = {},
): Promise<{ status: number; body: Buffer; headers: Headers }> {
  const response = await fetch(`${server.url}${path}`, {
    method: 'POST',
    headers,
    body: body instanceof Uint8Array ? new Uint8Array(body) : JSON.stringify(body),
  });
  return {
    status: response.status,
    body: Buffer.from(await response.arrayBuffer()),
    headers: response.headers,
  };
}

const error = z.strictObject({ error: z.string().min(1), code: z.string() });

async function infer(model: string, call: unknown): Promise<InferenceAnswer> {
  const { status, body, headers } = await post(`/v2/models/${model}/infer`, call);
  if (status !== 200) throw new Error(body.toString());
  const length = headers.get('inference-header-content-length');
  return readAnswer(body, length === null ? undefined : Number(length));
}

async function refused(path: string, call: unknown, headers?: Record<string, string>) {
  const { status, body } = await post(path, call, headers);
  return { status, ...error.parse(JSON.parse(body.toString())) };
}

const sixteen = (value: (index: number) => number) => Array.from({ length: 16 }, (_, index) => value(index));
const addSub = {
  inputs: [
    { name: 'INPUT0', datatype: 'INT32', shape: [1, 16], data: sixteen((index) => index) },
    { name: 'INPUT1', datatype: 'INT32', shape: [1, 16], data: sixteen(() => -7) },
  ],
};

/**
 * The cases of MLServer's tests/rest/test_endpoints.py (https://github.com/SeldonIO/MLServer, commit a325e523), on our models
 * and in our words: liveness, readiness, metadata, infer with and without a version and an id, null for what is left out,
 * chosen outputs, an unknown model, an unknown datatype, the repository's index.
 */
describe('as MLServer’s clients call', () => {
  test('liveness and readiness', async () => {
    expect(await get('/v2/health/live')).toMatchObject({ status: 200 });
    expect(await get('/v2/health/ready')).toMatchObject({ status: 200 });
    expect(await get('/v2/models/add_sub/versions/1/ready')).toEqual({
      status: 200,
      body: { name: 'add_sub', ready: true },
    });
    expect(await get('/v2/models/add_sub/ready')).toMatchObject({ status: 200 });
  });

  test('the metadata of the server and of a model', async () => {
    expect(await get('/v2')).toEqual({
      status: 200,
      body: {
        name: 'modelyard',
        version: packageVersion,
        extensions: ['binary_tensor_data', 'classification', 'parameters'],
      },
    });
    expect(await get('/v2/models/home_win')).toEqual({
      status: 200,
      body: {
        name: 'home_win',
        versions: ['v1', 'v2'],
        platform: 'onnx_onnxv1',
        inputs: [{ name: 'features', datatype: 'FP32', shape: [-1, 13] }],
        outputs: [
          { name: 'label', datatype: 'INT64', shape: [-1] },
          { name: 'probabilities', datatype: 'FP32', shape: [-1, 2] },
        ],
      },
    });
  });

  test.each(['add_sub', 'add_sub/versions/1'])('infer on %s', async (model) => {
    const nulls = { id: null, parameters: null, outputs: null };
    const inputs = addSub.inputs.map((input) => ({ ...input, parameters: null }));
    const answer = await infer(model, { ...nulls, inputs });
    expect(answer).toMatchObject({ model: 'add_sub', version: '1', id: undefined });
    expect([...answer.outputs]).toEqual([
      [
        'OUTPUT0',
        { datatype: 'INT32', shape: [1, 16], data: Int32Array.from(sixteen((index) => index - 7)) },
      ],
      [
        'OUTPUT1',
        { datatype: 'INT32', shape: [1, 16], data: Int32Array.from(sixteen((index) => index + 7)) },
      ],
    ]);
  });

  test('the id is repeated, and only the outputs that are asked for come, in that order', async () => {
    const answer = await infer('add_sub', { ...addSub, id: '123', outputs: [{ name: 'OUTPUT1' }] });
    expect(answer.id).toBe('123');
    expect([...answer.outputs.keys()]).toEqual(['OUTPUT1']);
    const both = await infer('add_sub', { ...addSub, outputs: [{ name: 'OUTPUT1' }, { name: 'OUTPUT0' }] });
    expect([...both.outputs.keys()]).toEqual(['OUTPUT1', 'OUTPUT0']);
  });

  test('content types say nothing that changes a tensor', async () => {
    const inputs = addSub.inputs.map((input) => ({ ...input, parameters: { content_type: 'np' } }));
    const answer = await infer('add_sub', { inputs, parameters: { content_type: 'np' } });
    expect(answer.outputs.size).toBe(2);
    expect(answer.parameters.warnings).toBeUndefined();
  });

  test('what is not there, and what cannot be', async () => {
    expect(await refused('/v2/models/my-model/versions/v0/infer', addSub)).toMatchObject({
      status: 404,
      code: 'MODEL_NOT_FOUND',
    });
    expect(await refused('/v2/models/add_sub/versions/v0/infer', addSub)).toMatchObject({
      status: 404,
      code: 'VERSION_NOT_FOUND',
    });
    expect((await get('/v2/models/my-model/ready')).status).toBe(404);
    const [first, second] = addSub.inputs;
    expect(
      await refused('/v2/models/add_sub/infer', { inputs: [{ ...first, datatype: 'INT322' }, second] }),
    ).toMatchObject({ status: 400, error: expect.stringMatching(/inputs\[0\]\.datatype/) });
    expect(await refused('/v2/models/add_sub/infer', { inputs: [first] })).toMatchObject({
      status: 400,
      code: 'SIGNATURE_MISMATCH',
      error: expect.stringMatching(/missing tensor INPUT1/),
    });
  });

  test('the index of the repository', async () => {
    const all = await post('/v2/repository/index', { ready: true });
    const names = [
      'add_sub',
      'fails_run',
      'home_win',
      'home_win',
      'identity_float16',
      'identity_int64',
      'identity_string',
      'nan_output',
      'slow_run',
    ];
    const index: unknown = JSON.parse(all.body.toString());
    expect(index).toEqual(names.map((name) => expect.objectContaining({ name, state: 'READY', reason: '' })));
    const response = await fetch(`${server.url}/v2/repository/index`, { method: 'POST' });
    expect(await response.json()).toEqual(index);
  });
});

test('whole numbers of 64 bits, text, half precision and NaN are exact, in JSON and in bytes', async () => {
  const cases: [string, string, unknown, string][] = [
    [
      'identity_int64',
      'INT64',
      '[9007199254740993,-9223372036854775808]',
      '[9007199254740993,-9223372036854775808]',
    ],
    ['identity_string', 'BYTES', '["Grüße 你好","\\"\\\\"]', '["Grüße 你好","\\"\\\\"]'],
    ['identity_float16', 'FP16', '[0.0999755859375,65504]', '[0.0999755859375,65504]'],
    ['identity_float16', 'FP16', '[NaN,-Infinity]', '["NaN","-Infinity"]'],
    ['nan_output', 'FP32', '[-1,0]', '["NaN","-Infinity"]'],
  ];
  for (const [model, datatype, data, expected] of cases) {
    const name = model === 'nan_output' ? 'x' : 'value';
    const text = (parameters: object) =>
      Buffer.from(
        `{"inputs":[{"name":"${name}","datatype":"${datatype}","shape":[2,1],"data":${data}}],"parameters":${JSON.stringify(parameters)}}`,
      );
    const json = await post(`/v2/models/${model}/infer`, text({}));
    expect(json.headers.get('content-type')).toMatch(/^application\/json/);
    expect(json.body.toString()).toContain(`"data":${expected}`);
    const binary = await post(`/v2/models/${model}/infer`, text({ binary_data_output: true }));
    const length = Number(binary.headers.get('inference-header-content-length'));
    expect(length).toBeGreaterThan(0);
    expect(readAnswer(binary.body, length).outputs).toEqual(readAnswer(json.body).outputs);
  }
});

describe('a classifier', () => {
  const games = askedGames.slice(0, 3);
  const inputs = [
    { name: 'features', datatype: 'FP32', shape: [3, 13], data: games.map((game) => Object.values(game)) },
  ];
  const labels = learned.v1.label.slice(0, 3).map((label) => facts.class_labels[label]);

  test('gives value, probabilities and prediction ids as parameters, as JSON in texts', async () => {
    const { parameters, version } = await infer('home_win', { inputs });
    expect(version).toBe('v1');
    expect(JSON.parse(String(parameters.value))).toEqual(labels);
    const probabilities = z
      .array(z.record(z.string(), z.number()))
      .parse(JSON.parse(String(parameters.probabilities)));
    probabilities.forEach((row, index) => {
      expect(row.home_win).toBeCloseTo(learned.v1.probabilities[index]?.[1] ?? Number.NaN, 5);
    });
    expect(new Set(z.array(z.string()).parse(JSON.parse(String(parameters.prediction_ids)))).size).toBe(3);
    expect(parameters).toMatchObject({ route: 'active', latency_ms: expect.any(Number) });
  });

  test('is pinned, told whom it is about, and logged once under ids of the caller’s own', async () => {
    const ids = ['oip-1', 'oip-2', 'oip-3'];
    const call = {
      inputs,
      parameters: { version: 'v2', entity_key: 'lakers', prediction_ids: ids, surprise: 1 },
    };
    const first = await infer('home_win', call);
    expect(first.version).toBe('v2');
    expect(JSON.parse(String(first.parameters.prediction_ids))).toEqual(ids);
    expect(String(first.parameters.warnings)).toMatch(/"surprise\\" is not known/);
    await infer('home_win', call);
    const agent = await startServer({ directory: server.directory });
    const { predictions } = await agent.call('list_predictions', {
      model_id: 'home_win',
      version: 'v2',
      response_format: 'detailed',
    });
    await agent.close();
    expect(predictions.map(({ prediction_id }) => prediction_id).sort()).toEqual(ids);
    const [logged] = predictions.filter(({ prediction_id }) => prediction_id === 'oip-1');
    expect(logged?.features).toEqual(
      Object.fromEntries(Object.entries(games[0] ?? {}).map(([name, value]) => [name, Math.fround(value)])),
    );
    expect(
      await refused('/v2/models/home_win/infer', {
        inputs: [{ ...inputs[0], data: games.map(() => Object.values(games[0] ?? {})) }],
        parameters: call.parameters,
      }),
    ).toMatchObject({ status: 400, error: expect.stringMatching(/used before/) });
  });

  test('gives the largest classes by name, as Triton’s classification extension has them', async () => {
    const { outputs } = await infer('home_win', {
      inputs,
      outputs: [{ name: 'probabilities', parameters: { classification: 1, binary_data: true } }],
    });
    const { data, shape, datatype } = outputs.get('probabilities') ?? {};
    expect([datatype, shape]).toEqual(['BYTES', [3, 1]]);
    expect(data).toEqual(
      labels.map((label) =>
        expect.stringMatching(new RegExp(`^0\\.\\d{6}:${facts.class_labels.indexOf(label ?? '')}:${label}$`)),
      ),
    );
  });
});

test('a call of one input as bytes, compressed or not', async () => {
  const head = Buffer.from(
    JSON.stringify({
      inputs: [{ name: 'value', datatype: 'INT64', shape: [1, 1], parameters: { binary_data_size: 8 } }],
    }),
  );
  const body = Buffer.concat([head, Buffer.from(new BigInt64Array([2n ** 62n + 1n]).buffer)]);
  const header = { 'inference-header-content-length': String(head.length) };
  for (const [bytes, encoding] of [
    [body, undefined],
    [gzipSync(body), 'gzip'],
  ] as const) {
    const given = { ...header, ...(encoding && { 'content-encoding': encoding }) };
    const { body: answered, status } = await post('/v2/models/identity_int64/infer', bytes, given);
    expect([status, answered.toString()]).toEqual([
      200,
      expect.stringContaining('"data":[4611686018427387905]'),
    ]);
  }
  expect(
    await refused('/v2/models/identity_int64/infer', body, { 'inference-header-content-length': 'x' }),
  ).toMatchObject({ status: 400 });
  expect(
    await refused('/v2/models/identity_int64/infer', body, { ...header, 'content-encoding': 'br' }),
  ).toMatchObject({ status: 415 });
  expect(
    await refused('/v2/models/identity_int64/infer', body, { ...header, 'content-encoding': 'gzip' }),
  ).toMatchObject({ status: 400 });
});

test('a body that is larger than it may be is refused, also when it is only large when unpacked', async () => {
  const large = gzipSync(Buffer.alloc(40_000_000, 32));
  expect(await refused('/v2/models/add_sub/infer', large, { 'content-encoding': 'gzip' })).toMatchObject({
    status: 413,
    code: 'LIMIT_EXCEEDED',
  });
});

test('a run that fails, a timeout of the caller’s own and a sequence have their statuses', async () => {
  const column = (data: number[]) => ({
    inputs: [{ name: 'x', datatype: 'FP32', shape: [data.length, 1], data }],
  });
  expect(await refused('/v2/models/fails_run/infer', column([200]))).toMatchObject({
    status: 422,
    code: 'INFERENCE_FAILED',
  });
  expect(
    await refused('/v2/models/slow_run/infer', { ...column([1e9]), parameters: { timeout: 200_000 } }),
  ).toMatchObject({ status: 504, code: 'TIMEOUT', error: expect.stringMatching(/own timeout of 200 ms/) });
  expect(
    await refused('/v2/models/add_sub/infer', { ...addSub, parameters: { sequence_id: 4 } }),
  ).toMatchObject({ status: 400, error: expect.stringMatching(/no state/) });
});
