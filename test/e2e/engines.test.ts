import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type HttpServerOptions, startHttpServer, type TestHttpServer } from '../http/http_server.ts';
import { startServer, type TestServer } from './client.ts';
import { nbaFile, type Scratch, scratchDirectory, testModel } from './environment.ts';
import { askedGames, facts } from './nba.ts';
import { until } from './until.ts';

/**
 * One ModelYard serves models by the Open Inference Protocol, and another has it as an engine: a real one by protocol,
 * without Python.
 */
const store: Scratch = scratchDirectory();
let peer: TestHttpServer;
let agent: TestServer;

const start = (options: HttpServerOptions = {}) => startHttpServer({ ...options, directory: store.path });
const engineAt = (url: string, more: Record<string, unknown> = {}) =>
  JSON.stringify({ peer: { type: 'open_inference', url, models: 'served', ...more } });

async function deployAt(
  server: TestServer,
  model: string,
  version: string,
  more: Record<string, unknown> = {},
) {
  return server.call('deploy_model', {
    model_id: model,
    version,
    source: model === 'home_win' ? nbaFile(`home_win_${version}.onnx`) : testModel(model),
    ...(model === 'home_win' && { feature_names: facts.feature_names, class_labels: facts.class_labels }),
    ...more,
  });
}

beforeAll(async () => {
  const filling = await startServer({ directory: store.path });
  await deployAt(filling, 'home_win', 'v1');
  await deployAt(filling, 'home_win', 'v2', { set_active: false });
  await deployAt(filling, 'identity_string', '1');
  await deployAt(filling, 'add_sub', '1');
  await deployAt(filling, 'fails_run', '1');
  // Another model under the name that the agent's will have.
  await filling.call('deploy_model', {
    model_id: 'linear_float32',
    version: '1',
    source: testModel('linear_float32_b'),
  });
  await filling.close();
  peer = await start();
  agent = await startServer({ settings: { MODELYARD_ENGINES: engineAt(peer.url) } });
}, 300_000);

afterAll(async () => {
  await agent.close();
  await peer.close();
  store.remove();
});

const predictGames = (version: string) =>
  agent.call('predict', { model_id: 'home_win', version, inputs: askedGames.slice(0, 5) });

describe('a version on an engine that serves it already', () => {
  test('answers as the embedded one does, beside it in one route', async () => {
    await deployAt(agent, 'home_win', 'v1');
    await deployAt(agent, 'home_win', 'v2', { set_active: false, engine: 'peer' });
    const remote = await predictGames('v2');
    const model = await agent.call('get_model', { model_id: 'home_win' });
    expect(model.traffic.engines).toEqual({ v1: 'embedded', v2: 'peer' });

    await agent.call('set_traffic', { model_id: 'home_win', weights: { v1: 0.5, v2: 0.5 } });
    const answers = await Promise.all(
      Array.from({ length: 40 }, (_, call) =>
        agent.call('predict', {
          model_id: 'home_win',
          entity_key: `team ${call}`,
          inputs: askedGames.slice(0, 1),
        }),
      ),
    );
    expect(new Set(answers.map(({ version }) => version))).toEqual(new Set(['v1', 'v2']));
    const { predictions } = await agent.call('list_predictions', {
      model_id: 'home_win',
      version: 'v2',
      limit: 5,
    });
    expect(predictions.length).toBeGreaterThan(0);

    // Moved to the embedded engine it says the same.
    await deployAt(agent, 'home_win', 'v2', { set_active: false, engine: 'embedded' });
    expect((await predictGames('v2')).predictions.map(({ value }) => value)).toEqual(
      remote.predictions.map(({ value }) => value),
    );
    await deployAt(agent, 'home_win', 'v2', { set_active: false, engine: 'peer' });
  });

  test('takes and gives text, and several inputs', async () => {
    await deployAt(agent, 'identity_string', '1', { engine: 'peer' });
    const texts = await agent.call('predict', {
      model_id: 'identity_string',
      tensors: { value: { datatype: 'BYTES', shape: [2, 1], data: ['a', 'ü\n"'] } },
    });
    expect(Object.values(texts.outputs ?? {})[0]?.data).toEqual(['a', 'ü\n"']);
    await deployAt(agent, 'add_sub', '1', { engine: 'peer' });
    const sum = await agent.call('predict', {
      model_id: 'add_sub',
      tensors: {
        INPUT0: { datatype: 'INT32', shape: [1, 16], data: Array.from({ length: 16 }, (_, at) => at) },
        INPUT1: { datatype: 'INT32', shape: [1, 16], data: Array.from({ length: 16 }, () => 2) },
      },
    });
    expect(sum.outputs?.OUTPUT0?.data).toEqual(Array.from({ length: 16 }, (_, at) => at + 2));
  });

  test('is not deployed where the engine has nothing, or something else, under its name', async () => {
    const missing = await agent.fail('deploy_model', {
      model_id: 'nowhere',
      version: '1',
      source: testModel('linear_float32'),
      engine: 'peer',
    });
    expect(missing).toMatchObject({
      code: 'ENGINE_CRASHED',
      message: expect.stringContaining('nowhere, version 1'),
    });
    const other = await agent.fail('deploy_model', {
      model_id: 'add_sub',
      version: '2',
      source: testModel('linear_float32'),
      engine: 'peer',
    });
    expect(other.message).toContain('add_sub, version 2');
    const wrongNumbers = await agent.fail('deploy_model', {
      model_id: 'linear_float32',
      version: '1',
      source: testModel('linear_float32'),
      engine: 'peer',
    });
    expect(wrongNumbers).toMatchObject({
      code: 'GATE_FAILED',
      message: expect.stringContaining('not those of the embedded'),
    });
    const unknown = await agent.fail('deploy_model', {
      model_id: 'nowhere',
      version: '1',
      source: testModel('linear_float32'),
      engine: 'pear',
    });
    expect(unknown).toMatchObject({
      code: 'INVALID_INPUT',
      message: expect.stringContaining('embedded, peer'),
    });
  });

  test('is shown by health_check, is the engine’s failure while that is away, and answers when it is back', async () => {
    const checkOf = async () => {
      const { checks, status } = await agent.call('health_check', {});
      return { status, check: checks.find(({ name }) => name === 'engine peer') };
    };
    expect((await checkOf()).check).toMatchObject({ status: 'healthy', detail: '3 of 3 versions ready' });
    const { port } = peer;
    await peer.close();
    expect(await checkOf()).toMatchObject({
      status: 'degraded',
      check: { status: 'degraded', detail: expect.stringContaining('cannot be reached') },
    });
    const failure = await agent.fail('predict', {
      model_id: 'home_win',
      version: 'v2',
      inputs: askedGames.slice(0, 1),
    });
    expect(failure).toMatchObject({ code: 'ENGINE_CRASHED', retryable: true });
    peer = await start({ flags: ['--port', String(port)] });
    expect((await predictGames('v2')).version).toBe('v2');
    expect((await checkOf()).check?.status).toBe('healthy');
  });

  test('opens its breaker while the engine is away, and the embedded version answers for it', async () => {
    await agent.call('set_traffic', { model_id: 'home_win', weights: { v1: 0, v2: 1 } });
    const { port } = peer;
    await peer.close();
    const call = () => agent.attempt('predict', { model_id: 'home_win', inputs: askedGames.slice(0, 1) });
    // As many as answered before, and some more: half of the calls of a minute must have failed.
    await until('the breaker opens', async () => !(await call()).isError || undefined);
    const answered = await agent.call('predict', { model_id: 'home_win', inputs: askedGames.slice(0, 1) });
    expect(answered.version).toBe('v1');
    peer = await start({ flags: ['--port', String(port)] });
    await agent.call('reset_circuit_breaker', { model_id: 'home_win', version: 'v2' });
    expect(
      (await agent.call('predict', { model_id: 'home_win', inputs: askedGames.slice(0, 1) })).version,
    ).toBe('v2');
  });

  test('is retired here without a word to the engine, which goes on serving it to others', async () => {
    await agent.call('retire_model', { model_id: 'identity_string', version: '1', force: true });
    expect((await fetch(`${peer.url}/v2/models/identity_string/versions/1/ready`)).status).toBe(200);
  });
});

test('the server that does not know the engine says so, and no breaker counts it', async () => {
  const { directory } = agent;
  const other = await startServer({ directory });
  const failure = await other.fail('predict', {
    model_id: 'home_win',
    version: 'v2',
    inputs: askedGames.slice(0, 1),
  });
  expect(failure).toMatchObject({
    code: 'NOT_DEPLOYED',
    message: expect.stringContaining('the engine peer'),
  });
  await other.close();
});
