import { afterAll, beforeAll, expect, test } from 'vitest';
import { type HttpServerOptions, startHttpServer, type TestHttpServer } from '../http/http_server.ts';
import { startServer, type TestServer } from './client.ts';
import { type Scratch, scratchDirectory, testModel } from './environment.ts';

/** One ModelYard serves models by gRPC, and another has it as an engine. */
const store: Scratch = scratchDirectory();
const models = ['identity_string', 'add_sub', 'fails_run'];
let peer: TestHttpServer;
let agent: TestServer;

const start = (options: HttpServerOptions = {}) => startHttpServer({ ...options, directory: store.path });
const deploy = (server: TestServer, model: string, more: Record<string, unknown> = {}) =>
  server.call('deploy_model', { model_id: model, version: '1', source: testModel(model), ...more });

beforeAll(async () => {
  const filling = await startServer({ directory: store.path });
  for (const model of models) await deploy(filling, model);
  await filling.close();
  peer = await start({ flags: ['--grpc-port', '0'] });
  const url = `http://127.0.0.1:${peer.grpcPort}`;
  agent = await startServer({
    settings: {
      MODELYARD_ENGINES: JSON.stringify({
        peer: { type: 'open_inference', url, protocol: 'grpc', models: 'served' },
      }),
    },
  });
  for (const model of models) await deploy(agent, model, { engine: 'peer' });
}, 300_000);

afterAll(async () => {
  await agent.close();
  await peer.close();
  store.remove();
});

const table = (value: number) =>
  ({
    model_id: 'fails_run',
    tensors: { x: { datatype: 'FP32', shape: [1, 1], data: [value] } },
  }) as const;

test('gives and takes text and several inputs', async () => {
  const texts = await agent.call('predict', {
    model_id: 'identity_string',
    tensors: { value: { datatype: 'BYTES', shape: [2, 1], data: ['a', 'ü\n"'] } },
  });
  expect(Object.values(texts.outputs ?? {})[0]?.data).toEqual(['a', 'ü\n"']);
  const numbers = (from: (at: number) => number) =>
    ({ datatype: 'INT32', shape: [1, 16], data: Array.from({ length: 16 }, (_, at) => from(at)) }) as const;
  const sum = await agent.call('predict', {
    model_id: 'add_sub',
    tensors: { INPUT0: numbers((at) => at), INPUT1: numbers(() => 2) },
  });
  expect(sum.outputs?.OUTPUT0?.data).toEqual(numbers((at) => at + 2).data);
});

test('an input that the model refuses is the caller’s failure, with what the engine says', async () => {
  await agent.call('predict', table(7));
  expect(await agent.fail('predict', table(500))).toMatchObject({
    code: 'INFERENCE_FAILED',
    message: expect.stringMatching(/in the engine peer \(gRPC INVALID_ARGUMENT\): ./),
  });
});

test('an engine that is away fails its calls, and answers when it is back', async () => {
  const { grpcPort } = peer;
  await peer.close();
  expect(await agent.fail('predict', table(7))).toMatchObject({
    code: 'ENGINE_CRASHED',
    message: expect.stringContaining('cannot be reached'),
  });
  peer = await start({ flags: ['--grpc-port', String(grpcPort)] });
  expect((await agent.call('predict', table(7))).version).toBe('1');
  const { checks } = await agent.call('health_check', {});
  expect(checks.find(({ name }) => name === 'engine peer')).toMatchObject({
    status: 'healthy',
    detail: '3 of 3 versions ready',
  });
});
