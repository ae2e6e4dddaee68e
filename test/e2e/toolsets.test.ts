import { expect, it } from 'vitest';
import { toolsets } from '../../src/toolsets.ts';
import { startHttpServer } from '../http/http_server.ts';
import { connectHttp } from '../http/mcp/connect_http.ts';
import { startServer } from './client.ts';
import { runCommand } from './command.ts';
import { type Scratch, scratchDirectory, testModel } from './environment.ts';
import { handshake, startRaw } from './raw_server.ts';

const given = { model_id: 'linear', version: '1', source: testModel('linear_float32') };
const row = { f0: 1, f1: 2, f2: 3 };
const outside = {
  code: -32602,
  message: expect.stringContaining(
    'set_traffic is not offered here: it is in the toolset serving. The server was started with --toolsets core',
  ),
};
const within = async <T>(run: (scratch: Scratch) => Promise<T>): Promise<T> => {
  const scratch = scratchDirectory();
  try {
    return await run(scratch);
  } finally {
    scratch.remove();
  }
};

it('the tools of the sets are listed and called, others say where they are', async () => {
  const server = await startServer({ flags: ['--toolsets', 'core'] });
  const { tools } = await server.client.listTools();
  expect(tools.map(({ name }) => name).toSorted()).toEqual([...toolsets.core].toSorted());
  await server.call('deploy_model', given);
  expect((await server.call('predict', { model_id: 'linear', inputs: [row] })).predictions).toHaveLength(1);
  await expect(
    server.attempt('set_traffic', { model_id: 'linear', weights: { 1: 1 } }),
  ).rejects.toMatchObject(outside);
  const told = JSON.stringify(await server.attempt('detect_drift', { model_id: 'linear' }));
  expect(told).toContain('NO_REFERENCE');
  expect(told).not.toContain('set_reference_data');
  // What is read does not depend on what is offered to be called.
  const { contents } = await server.client.readResource({ uri: 'modelyard://models/linear/versions/1' });
  expect(contents).toMatchObject([{ text: expect.stringContaining('"performance":{') }]);
  const { prompts } = await server.client.listPrompts();
  expect(prompts.map(({ name }) => name)).toContain('roll_out_safely');
  await server.close();
}, 60_000);

it('a setting does the same, and the flag wins over it', () =>
  within(async ({ path: directory }) => {
    const settings = { MODELYARD_TOOLSETS: 'mlflow, rollouts' };
    const named = await startServer({ directory, settings });
    expect((await named.client.listTools()).tools.map(({ name }) => name)).toEqual([
      'backtest',
      'start_rollout',
      'get_rollout',
      'control_rollout',
      'sync_mlflow',
    ]);
    await named.close();
    const flagged = await startServer({ directory, settings, flags: ['--toolsets=mlflow'] });
    expect((await flagged.client.listTools()).tools.map(({ name }) => name)).toEqual(['sync_mlflow']);
    await flagged.close();
  }));

it('over HTTP too', async () => {
  const http = await startHttpServer({ flags: ['--toolsets', 'core'] });
  const { client } = await connectHttp(http.url);
  const { tools } = await client.listTools();
  expect(tools.map(({ name }) => name)).toEqual([
    'predict',
    'detect_drift',
    'health_check',
    'search_models',
    'get_model',
    'get_rollout',
  ]);
  await expect(client.callTool({ name: 'set_traffic', arguments: {} })).rejects.toMatchObject(outside);
  await client.close();
  await http.close();
});

it.each([
  ['--toolsets', ['--toolsets', 'core,servng'], {}],
  ['--toolsets', ['--toolsets', ''], {}],
  ['MODELYARD_TOOLSETS', [], { MODELYARD_TOOLSETS: 'everything' }],
])('an unknown set stops the start: %s %j %j', (name, flags, settings) =>
  within(async ({ path: directory }) => {
    const { code, replies, standardError } = await startRaw({
      directory,
      settings,
      flags,
      input: handshake,
    }).ended;
    expect({ code, replies }).toEqual({ code: 2, replies: [] });
    expect(standardError).toMatch(/^modelyard: [^\n]+\n$/);
    expect(standardError).toContain(name);
    expect(standardError).toContain('core, serving, registry, monitoring, mlflow, rollouts');
    const served = runCommand(directory, ['serve', '--port', '0', ...flags], settings);
    expect(served).toMatchObject({ code: 2, output: '' });
  }),
);
