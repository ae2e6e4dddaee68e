import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { packageVersion } from '../../src/package_info.ts';
import { startServer, type TestServer, type ToolOutput } from '../e2e/client.ts';
import { nbaFile, type Scratch, scratchDirectory, testModel } from '../e2e/environment.ts';
import { facts, gamesIn, toCsv } from '../e2e/nba.ts';
import { python } from '../mlflow/mlflow_server.ts';
import { pythonEnvironment } from '../mlflow/python_worker.ts';
import { startHttpServer, type TestHttpServer } from './http_server.ts';

const scored = z.strictObject({
  predictions: z.union([z.array(z.unknown()), z.record(z.string(), z.unknown())]),
  version: z.string(),
  prediction_ids: z.array(z.string()),
  probabilities: z.array(z.record(z.string(), z.number())).optional(),
  warnings: z.array(z.string()).optional(),
});
const refused = z.strictObject({ error_code: z.string(), message: z.string() });

const games = gamesIn('tonight.csv').slice(0, 3);

describe('MLflow scoring requests, over HTTP', () => {
  let imputed: ToolOutput<'deploy_model'> | undefined;
  let [scratch, stdio, http]: [Scratch?, TestServer?, TestHttpServer?] = [];
  beforeAll(async () => {
    scratch = scratchDirectory();
    stdio = await startServer({ directory: scratch.path });
    const { feature_names, class_labels } = facts;
    await stdio.call('deploy_model', {
      model_id: 'nba',
      version: '1',
      source: nbaFile('home_win_v1.onnx'),
      feature_names,
      class_labels,
    });
    for (const model_id of ['identity_int64', 'identity_string'])
      await stdio.call('deploy_model', { model_id, version: '1', source: testModel(model_id) });
    imputed = await stdio.call('deploy_model', {
      model_id: 'imputer_pipeline',
      version: '1',
      source: testModel('imputer_pipeline'),
    });
    http = await startHttpServer({ directory: scratch.path, flags: ['--model', 'nba'] });
  });
  afterAll(async () => {
    await http?.close();
    await stdio?.close();
    scratch?.remove();
  });

  async function post(path: string, body: unknown, type = 'application/json') {
    const response = await fetch(`${http?.url}${path}`, {
      method: 'POST',
      headers: { 'content-type': type },
      body: typeof body === 'string' ? body : JSON.stringify(body),
    });
    return { status: response.status, text: await response.text() };
  }
  async function score(path: string, body: unknown, type?: string) {
    const { status, text } = await post(path, body, type);
    if (status !== 200) throw new Error(`${status} ${text}`);
    return scored.parse(JSON.parse(text));
  }
  async function refuse(path: string, body: unknown) {
    const { status, text } = await post(path, body);
    return { status, ...refused.parse(JSON.parse(text)) };
  }

  test('every form of the same rows is answered as the predict tool answers them', async () => {
    const wanted = await stdio?.call('predict', { model_id: 'nba', inputs: games });
    const rows = games.map((game) => facts.feature_names.map((name) => game[name]));
    const columns = Object.fromEntries(
      facts.feature_names.map((name) => [name, games.map((game) => game[name])]),
    );
    for (const body of [
      { dataframe_split: { columns: facts.feature_names, data: rows } },
      { dataframe_split: { columns: facts.feature_names.map((_, index) => index), data: rows } },
      { dataframe_records: games },
      { instances: games },
      { instances: rows },
      { inputs: rows },
      { inputs: columns },
    ]) {
      const answer = await score('/invocations', body);
      expect(answer.predictions).toEqual(wanted?.predictions.map(({ value }) => value));
      expect(answer.probabilities).toEqual(wanted?.predictions.map(({ probabilities }) => probabilities));
      expect(answer.version).toBe('1');
    }
    const csv = await score('/models/nba/invocations', toCsv(games), 'text/csv; charset=utf-8');
    expect(csv.predictions).toEqual(wanted?.predictions.map(({ value }) => value));
  });

  test('a named tensor is answered by outputs, and logged by its features as records are', async () => {
    const rows = games.map((game) => facts.feature_names.map((name) => game[name]));
    const { predictions, prediction_ids } = await score('/invocations', {
      inputs: { features: rows },
      params: { outputs: ['probabilities'], entity_key: 'tonight' },
    });
    expect(predictions).toEqual({ probabilities: games.map(() => [expect.any(Number), expect.any(Number)]) });
    const logged = await stdio?.call('list_predictions', {
      model_id: 'nba',
      prediction_id: prediction_ids[0],
      response_format: 'detailed',
    });
    expect(logged?.predictions).toEqual([
      expect.objectContaining({ entity_key: 'tonight', features: games[0] }),
    ]);
  });

  test('params pin the version and bring ids, by which a repeated call is logged once', async () => {
    const body = {
      dataframe_records: games.slice(0, 1),
      params: { version: 1, prediction_ids: ['mlflow-1'] },
    };
    const [first, again] = [await score('/invocations', body), await score('/invocations', body)];
    expect(first.prediction_ids).toEqual(['mlflow-1']);
    expect(again).toEqual({ ...first, warnings: [expect.stringContaining('logged once')] });
    expect(await refuse('/invocations', { ...body, params: { version: '9' } })).toEqual({
      status: 404,
      error_code: 'RESOURCE_DOES_NOT_EXIST',
      message: expect.stringContaining('9'),
    });
  });

  test('64-bit integers are exact, texts too', async () => {
    const body = '{"inputs": [[9007199254740993], [-9223372036854775808]]}';
    const { predictions } = await score('/models/identity_int64/invocations', body);
    expect(JSON.stringify(predictions)).toContain('"9007199254740993","-9223372036854775808"');
    const texts = await score('/models/identity_string/invocations', { inputs: [['ä NaN'], ['12']] });
    expect(JSON.stringify(texts.predictions)).toContain('["ä NaN","12"]');
  });

  test('a missing value is null, or what Python writes for it, where the model takes one', async () => {
    const names = imputed?.signature.features.map(({ name }) => name) ?? [];
    const text = JSON.stringify({
      dataframe_records: [Object.fromEntries(names.map((name) => [name, null]))],
    });
    const asNull = await score('/models/imputer_pipeline/invocations', text);
    const asNan = await score('/models/imputer_pipeline/invocations', text.replaceAll('null', 'NaN'));
    expect(asNan.predictions).toEqual(asNull.predictions);
    const refusal = await refuse('/invocations', {
      dataframe_records: [{ ...games[0], home_win_share: null }],
    });
    expect(refusal).toMatchObject({
      status: 400,
      error_code: 'BAD_REQUEST',
      message: expect.stringContaining('home_win_share'),
    });
  });

  test('what is wrong is said in the form of MLflow', async () => {
    expect(await refuse('/invocations', 'no JSON')).toMatchObject({ status: 400, error_code: 'BAD_REQUEST' });
    expect(await refuse('/invocations', { inputs: 5 })).toMatchObject({
      status: 400,
      error_code: 'BAD_REQUEST',
    });
    expect(
      await refuse('/invocations', { dataframe_records: [{ ...games[0], home_win_share: '0.5' }] }),
    ).toMatchObject({ status: 400, message: expect.stringContaining('got "0.5"') });
    expect(await refuse('/models/none/invocations', { inputs: [[1]] })).toMatchObject({
      status: 404,
      error_code: 'RESOURCE_DOES_NOT_EXIST',
    });
    expect(await refuse('/models/%00/invocations', { inputs: [[1]] })).toMatchObject({ status: 400 });
    expect(await post('/invocations', '{}', 'application/json; format=pandas-split')).toEqual({
      status: 415,
      text: 'Unrecognized content type parameters: format.',
    });
  });

  test('the addresses of a server of one model: /ping, /health and /version', async () => {
    for (const path of ['/ping', '/health']) {
      const response = await fetch(`${http?.url}${path}`);
      expect([response.status, await response.text()]).toEqual([200, '\n']);
    }
    expect(await (await fetch(`${http?.url}/version`)).text()).toBe(packageVersion);
  });

  test('/ping says when the model does not answer; without --model there is none of them', async () => {
    const directory = scratch?.path ?? '';
    const [other, without] = await Promise.all([
      startHttpServer({ directory, flags: ['--model', 'not-yet'] }),
      startHttpServer({ directory }),
    ]);
    expect((await fetch(`${other.url}/ping`)).status).toBe(503);
    for (const path of ['/ping', '/health', '/version'])
      expect((await fetch(`${without.url}${path}`)).status).toBe(404);
    expect((await fetch(`${without.url}/invocations`, { method: 'POST' })).status).toBe(404);
    await Promise.all([other.close(), without.close()]);
  });

  test.skipIf(python === undefined)(
    "MLflow's own client, and the answers of its own server to the same named tensors",
    async () => {
      const script = fileURLToPath(new URL('mlflow_scoring_client.py', import.meta.url));
      const { stdout } = await promisify(execFile)(
        python ?? '',
        [
          script,
          String(http?.port),
          nbaFile('home_win_v1.onnx'),
          nbaFile('tonight.csv'),
          facts.feature_names.join(','),
        ],
        { env: pythonEnvironment(), cwd: scratch?.path },
      );
      expect(stdout.trim().split('\n').at(-1)).toBe('as MLflow answers');
    },
    300_000,
  );
});
