import { afterAll, beforeAll, expect, it } from 'vitest';
import { z } from 'zod';
import { startHttpServer } from '../http/http_server.ts';
import { connectHttp } from '../http/mcp/connect_http.ts';
import { startServer, type TestServer } from './client.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startServer();
});
afterAll(() => server.close());

const textOf = async (name: string, given?: Record<string, string>) => {
  const { messages } = await server.client.getPrompt({ name, ...(given && { arguments: given }) });
  expect(messages).toMatchObject([{ role: 'user', content: { type: 'text' } }]);
  const [message] = messages;
  return message?.content.type === 'text' ? message.content.text : '';
};

it('are listed with the arguments that they take', async () => {
  const { prompts } = await server.client.listPrompts();
  expect(prompts.map(({ name, arguments: taken }) => [name, taken?.map((one) => one.name)])).toEqual([
    ['first_tour', []],
    ['deploy_and_verify', ['source', 'model_id', 'version']],
    ['roll_out_safely', ['model_id', 'version']],
    ['investigate_drift', ['model_id', 'version']],
    ['incident_triage', ['model_id']],
  ]);
});

it('lead through the first tour: each call that it names succeeds', async () => {
  const calls = [...(await textOf('first_tour')).matchAll(/^\d+\. `(\w+)` (\{.*\}): /gm)];
  expect(calls.length).toBeGreaterThan(6);
  for (const [, name = '', given = ''] of calls) {
    const answer = await server.attempt(name, z.record(z.string(), z.unknown()).parse(JSON.parse(given)));
    expect(answer.isError ?? false, `${name} ${JSON.stringify(answer.content)}`).toBe(false);
  }
  const { versions, traffic } = await server.call('get_model', { model_id: 'nba-tour' });
  expect(versions.map(({ version }) => version)).toEqual(['v2', 'v1']);
  expect(traffic.weights).toEqual({ v1: 0.9, v2: 0.1 });
}, 120_000);

it('have their arguments completed', async () => {
  const ref = { type: 'ref/prompt' as const, name: 'roll_out_safely' };
  const models = await server.client.complete({ ref, argument: { name: 'model_id', value: 'nba' } });
  expect(models.completion.values).toEqual(['nba-tour']);
  const versions = await server.client.complete({
    ref,
    argument: { name: 'version', value: 'v' },
    context: { arguments: { model_id: 'nba-tour' } },
  });
  expect(versions.completion.values).toEqual(['v2', 'v1']);
  await expect(
    server.client.complete({ ref: { ...ref, name: 'none' }, argument: { name: 'version', value: '' } }),
  ).rejects.toMatchObject({ code: -32602 });
});

it('say what is wrong', async () => {
  await expect(textOf('tour')).rejects.toThrow(
    'There is no prompt tour. Prompts: first_tour, deploy_and_verify',
  );
  await expect(textOf('roll_out_safely', { model_id: 'm' })).rejects.toThrow('version is missing.');
});

it('over HTTP, where no files of the machine are read and nothing is changed, are those that lead somewhere', async () => {
  const http = await startHttpServer({
    directory: server.directory,
    settings: { MODELYARD_ALLOWED_ROOTS: '' },
  });
  const { client } = await connectHttp(http.url);
  const { prompts } = await client.listPrompts();
  expect(prompts.map(({ name }) => name)).toEqual(['investigate_drift', 'incident_triage']);
  await client.close();
  await http.close();
});
