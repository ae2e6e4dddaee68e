import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { testModel } from '../e2e/environment.ts';
import type { EngineServer } from './engine_process.ts';
import { mlserverPython, onnxRuntime, startMlserver } from './mlserver_server.ts';
import { startTriton, tritonPython } from './triton_server.ts';

// What the adapter for engines builds on, of the real ones.

const post = (url: string, body: unknown) =>
  fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });

/** A row of the linear model; its answer is 4.75. */
const row = { name: 'x', datatype: 'FP32', shape: [1, 3], data: [1, 2, 3] };
const answer = 4.75;

describe.skipIf(tritonPython === undefined)('Triton', { timeout: 240_000 }, () => {
  let triton: EngineServer;
  beforeAll(async () => {
    if (tritonPython !== undefined) triton = await startTriton();
  }, 240_000);
  afterAll(() => triton?.kill());

  const isReady = async (name: string) => (await fetch(`${triton.url}/v2/models/${name}/ready`)).ok;
  const load = (name: string, model: string) =>
    post(`${triton.url}/v2/repository/models/${name}/load`, {
      parameters: {
        config: JSON.stringify({
          backend: 'onnxruntime',
          max_batch_size: 0,
          input: [{ name: 'x', data_type: 'TYPE_FP32', dims: [-1, 3] }],
          output: [{ name: 'y', data_type: 'TYPE_FP32', dims: [-1, 1] }],
        }),
        'file:1/model.onnx': readFileSync(model).toString('base64'),
      },
    });

  it('takes a model in the request to load it, and has lost it after a restart', async () => {
    const loaded = await load('linear', testModel('linear_float32'));
    expect([loaded.status, await loaded.text()]).toEqual([200, '']);
    const answered = await post(`${triton.url}/v2/models/linear/infer`, { inputs: [row] });
    expect(await answered.json()).toMatchObject({
      outputs: [{ name: 'y', datatype: 'FP32', data: [answer] }],
    });
    await triton.kill();
    await triton.start();
    expect(await isReady('linear')).toBe(false);
  });

  it('refuses a damaged model, and unloads a good one', async () => {
    const refused = await load('damaged', testModel('truncated'));
    expect([refused.status, await refused.text()]).toEqual([
      400,
      expect.stringContaining('Protobuf parsing'),
    ]);
    expect((await load('linear', testModel('linear_float32'))).status).toBe(200);
    expect(await isReady('linear')).toBe(true);
    expect((await post(`${triton.url}/v2/repository/models/linear/unload`, {})).status).toBe(200);
    expect(await isReady('linear')).toBe(false);
  });
});

describe.skipIf(mlserverPython === undefined)('MLServer', { timeout: 240_000 }, () => {
  let mlserver: Awaited<ReturnType<typeof startMlserver>>;
  beforeAll(async () => {
    if (mlserverPython !== undefined) mlserver = await startMlserver();
  }, 240_000);
  afterAll(() => mlserver?.kill());

  it('loads a model that was put into its folder while it runs, and again when it is started', async () => {
    const folder = join(mlserver.models, 'linear');
    mkdirSync(folder);
    writeFileSync(join(folder, 'model.onnx'), readFileSync(testModel('linear_float32')));
    const settings = { name: 'linear', implementation: onnxRuntime, parameters: { uri: './model.onnx' } };
    writeFileSync(join(folder, 'model-settings.json'), JSON.stringify(settings));
    const loaded = await post(`${mlserver.url}/v2/repository/models/linear/load`, {});
    expect([loaded.status, await loaded.text()]).toEqual([200, '']);
    const predict = async () =>
      (await post(`${mlserver.url}/v2/models/linear/infer`, { inputs: [row] })).json();
    const expected = { outputs: [{ name: 'y', datatype: 'FP32', shape: [1, 1], data: [answer] }] };
    expect(await predict()).toMatchObject(expected);
    await mlserver.kill();
    await mlserver.start();
    expect(await predict()).toMatchObject(expected);
  });
});
