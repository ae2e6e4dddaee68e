import { appendFileSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { packTensors } from '../../src/serving/graph/external_tensors.ts';
import { type MlflowServer, python, sharedMlflow, startMs } from '../mlflow/mlflow_server.ts';
import { registryView } from '../mlflow/registry_view.ts';
import { startServer, type TestServer } from './client.ts';
import { type Scratch, scratchDirectory, testModel } from './environment.ts';
import { until } from './until.ts';

const rows = z.array(z.array(z.number()));
const numbers = z.array(z.union([z.number(), z.array(z.number())])).transform((list) => list.flat());
const answers = z.record(z.string(), numbers);
const logged = z.object({
  diabetes: z.object({
    run_id: z.string(),
    /** null: an MLflow 2, which has no such models. */
    model_id: z.string().nullable(),
    columns: z.array(z.string()),
    r2: z.number(),
    rows,
    expected: answers,
  }),
  iris: z.object({ run_id: z.string(), model_id: z.string().nullable(), rows, expected: answers }),
  network: z.object({ run_id: z.string(), rows, expected: answers }),
});

describe.skipIf(python === undefined)('with a real MLflow server', () => {
  let scratch: Scratch;
  let mlflow: MlflowServer;
  let server: TestServer;
  let science: z.output<typeof logged>;
  beforeAll(async () => {
    scratch = scratchDirectory();
    mlflow = await sharedMlflow();
    science = logged.parse(await mlflow.script('log_models.py'));
    server = await startServer({
      directory: scratch.path,
      settings: {
        MLFLOW_TRACKING_URI: mlflow.address,
        ENABLE_MLFLOW_REGISTRY: 'true',
        MLFLOW_USE_STAGES: 'true',
        MODELYARD_MAX_ARTIFACT_MB: '1',
      },
    });
  }, 2 * startMs);
  afterAll(async () => {
    await server?.close();
    scratch?.remove();
  });

  /** What MLflow has of the models of this file: others use the server at the same time. */
  const view = async () =>
    registryView.parse(
      await mlflow.script('read_registry.py', { models: ['diabetes', 'iris', 'linear', 'network'] }),
    );
  const client = (...calls: [string, Record<string, string | number>][]) =>
    mlflow.script('call_client.py', calls);
  /** The values of the predictions for rows without names. */
  const valuesOf = async (model: string, version: string, input: string, given: number[][]) => {
    const tensor = { datatype: 'FP32', shape: [given.length, given[0]?.length ?? 0], data: given.flat() };
    const { outputs } = await server.call('predict', {
      model_id: model,
      version,
      tensors: { [input]: tensor },
    });
    return new Map(Object.entries(outputs ?? {}).map(([name, { data }]) => [name, data.map(Number)]));
  };
  const expectClose = (found: readonly number[] | undefined, expected: readonly number[] | undefined) => {
    expect(found).toHaveLength(expected?.length ?? -1);
    for (const [index, value] of (found ?? []).entries())
      expect(Math.abs(value - (expected?.[index] ?? Number.NaN))).toBeLessThan(
        1e-4 * Math.max(1, Math.abs(value)),
      );
  };

  test('all four addresses of a model become the same version, which answers as mlflow.pyfunc does', async () => {
    const { run_id, model_id, columns, rows: given, expected } = science.diabetes;
    const sources = {
      '1': 'models:/diabetes/1',
      run: `runs:/${run_id}/ridge`,
      'run-alone': `runs:/${run_id}`,
      alias: 'models:/diabetes@champion',
      ...(model_id !== null && { logged: `models:/${model_id}` }),
    };
    const hashes = new Set<string>();
    for (const [version, source] of Object.entries(sources)) {
      const deployed = await server.call('deploy_model', { model_id: 'diabetes', version, source });
      hashes.add(deployed.artifact.sha256);
      expect(deployed.signature.features.map(({ name }) => name)).toEqual(columns);
      const { predictions } = await server.call('predict', {
        model_id: 'diabetes',
        version,
        inputs: given.map((row) => Object.fromEntries(columns.map((name, index) => [name, row[index]]))),
      });
      expectClose(
        predictions.map(({ value }) => Number(value)),
        Object.values(expected)[0],
      );
    }
    expect(hashes.size).toBe(1);
  });

  test('what MLflow knows of it is known here: metrics, parameters, tags, description, run', async () => {
    const { run_id, model_id, r2 } = science.diabetes;
    const { versions } = await server.call('get_model', {
      model_id: 'diabetes',
      version: '1',
      response_format: 'detailed',
    });
    expect(versions).toMatchObject([
      {
        source: 'models:/diabetes/1',
        description: 'Ridge on ten measurements',
        hyperparameters: { alpha: '0.25', solver: 'auto' },
        metrics: { r2: expect.closeTo(r2, 12) },
        tags: {
          team: 'risk',
          reviewed: 'yes',
          'mlflow.run_id': run_id,
          ...(model_id !== null && { 'mlflow.model_id': model_id }),
          'mlflow.model_version': 'diabetes/1',
        },
      },
    ]);
  });

  test('what the caller says of it wins', async () => {
    await server.call('register_model', {
      model_id: 'diabetes',
      version: 'named',
      source: 'models:/diabetes/1',
      feature_names: Array.from({ length: 10 }, (_, index) => `column ${index}`),
      metrics: { r2: 0, own: 1 },
      tags: { team: 'ours' },
      description: 'ours',
    });
    const { versions } = await server.call('get_model', {
      model_id: 'diabetes',
      version: 'named',
      response_format: 'detailed',
    });
    expect(versions).toMatchObject([
      { metrics: { r2: 0, own: 1 }, tags: { team: 'ours', reviewed: 'yes' }, description: 'ours' },
    ]);
    expect(versions[0]?.signature?.features[9]?.name).toBe('column 9');
  });

  test('a classifier answers label and probabilities as mlflow.pyfunc does', async () => {
    const { run_id, model_id, rows: given, expected } = science.iris;
    const source = model_id === null ? `runs:/${run_id}/logistic` : `models:/${model_id}`;
    await server.call('deploy_model', { model_id: 'iris', version: '1', source });
    const found = await valuesOf('iris', '1', 'X', given);
    for (const [name, values] of Object.entries(expected)) expectClose(found.get(name), values);
  });

  test('weights that log_model put into another file are put into the model', async () => {
    const { run_id, rows: given, expected } = science.network;
    for (const [version, path] of Object.entries({ apart: 'network', whole: 'files/network.onnx' })) {
      await server.call('deploy_model', { model_id: 'network', version, source: `runs:/${run_id}/${path}` });
      expectClose((await valuesOf('network', version, 'x', given)).get('y'), expected.y);
    }
  });

  test('a download tells how far it is', async () => {
    const told: [number, number | undefined][] = [];
    await server.attempt(
      'register_model',
      { model_id: 'network', version: 'told', source: `runs:/${science.network.run_id}/network` },
      { onprogress: ({ progress, total }) => told.push([progress, total]) },
    );
    const [last] = told.slice(-1);
    // The weights: three by two thousand and two thousand by one, of four bytes.
    expect(last?.[0]).toBeGreaterThan(32_000);
    expect(last?.[0]).toBe(last?.[1]);
    expect(told.map(([progress]) => progress)).toEqual(
      told.map(([progress]) => progress).toSorted((a, b) => a - b),
    );
  });

  test.each<[string, (run: string) => string, string, RegExp]>([
    ['no such run', () => 'runs:/0123456789abcdef/model', 'INVALID_INPUT', /nothing at runs:/],
    ['no such path', (run) => `runs:/${run}/none`, 'INVALID_INPUT', /no artifact there/],
    [
      'a run of several models without a path',
      (run) => `runs:/${run}`,
      'INVALID_INPUT',
      /models, and the source names none/,
    ],
    ['a path that climbs', (run) => `runs:/${run}/../x`, 'INVALID_INPUT', /no address of a model/],
    ['no model', (run) => `runs:/${run}/notes`, 'INVALID_INPUT', /no file MLmodel there, but: readme\.txt/],
    [
      'another flavor',
      (run) => `runs:/${run}/pickled`,
      'ARTIFACT_INVALID',
      /not ONNX: its flavors are .*sklearn/,
    ],
    [
      'a file above the limit',
      (run) => `runs:/${run}/files/large.onnx`,
      'LIMIT_EXCEEDED',
      /larger than 1 MB/,
    ],
    ['no such version', () => 'models:/diabetes/99', 'INVALID_INPUT', /nothing at/],
    ['no such alias', () => 'models:/diabetes@none', 'INVALID_INPUT', /nothing at/],
    ['no such model', () => 'models:/m-0123', 'INVALID_INPUT', /nothing at|has no logged models/],
    ['no address', () => 'models:diabetes', 'INVALID_INPUT', /no address of a model/],
  ])('refuses %s and leaves no trace', async (what, source, code, message) => {
    const error = await server.fail('register_model', {
      model_id: 'refused',
      version: '1',
      source: source(science.network.run_id),
    });
    expect(error).toMatchObject({ code, message: expect.stringMatching(message) });
    if (/no (such path|model$)|several/.test(what))
      expect(error.hint).toMatch(/The run holds .*network.*pickled.*files\/network\.onnx/);
    expect(await server.fail('get_model', { model_id: 'refused' })).toMatchObject({
      code: 'MODEL_NOT_FOUND',
    });
  });

  test('a promotion is seen by MLflow’s own client: alias, tag and stage', async () => {
    for (const [version, model] of [
      ['one', 'linear_float32'],
      ['two', 'linear_float32_b'],
    ] as const)
      await server.call('register_model', {
        model_id: 'linear',
        version,
        source: testModel(model),
        feature_names: ['a', 'b', 'c'],
        metrics: { mae: 0.5 },
        hyperparameters: { alpha: [1, 2] },
        tags: { team: 'risk' },
        description: `the ${version}`,
      });
    const promote = (version: string, target_stage: string) =>
      server.call('promote_model', { model_id: 'linear', version, target_stage });
    await promote('one', 'production');
    await promote('two', 'staging');
    expect(await server.call('sync_mlflow', { model_id: 'linear' })).toMatchObject({ queued: 0, failed: [] });
    const before = await view();
    const versionOf = (name: string, stage: string, mlflowStage: string) => ({
      stage: mlflowStage,
      status: 'READY',
      description: `the ${name}`,
      tags: { 'modelyard.version': name, 'modelyard.stage': stage, team: 'risk' },
    });
    expect(before.models.linear).toMatchObject({
      aliases: { production: 1, staging: 2 },
      versions: {
        '1': versionOf('one', 'production', 'Production'),
        '2': versionOf('two', 'staging', 'Staging'),
      },
    });
    expect(before.runs.find(({ name }) => name === 'linear one')).toMatchObject({
      status: 'FINISHED',
      params: { alpha: '[1,2]' },
      metrics: { mae: 0.5 },
    });

    await promote('two', 'production');
    expect(await server.call('sync_mlflow')).toMatchObject({ queued: 0, failed: [], connected: true });
    const after = await view();
    expect(after.models.linear?.aliases).toEqual({ production: 2 });
    expect(after.models.linear?.versions).toMatchObject({
      '1': versionOf('one', 'archived', 'Archived'),
      '2': versionOf('two', 'production', 'Production'),
    });
    // To say the same again changes nothing.
    await server.call('sync_mlflow', { model_id: 'linear' });
    expect(await view()).toEqual(after);
  });

  test('aliases, tags and descriptions follow update_model, also when they are taken away', async () => {
    const update = (given: object) => server.call('update_model', { model_id: 'linear', ...given });
    await update({ description: 'a line', tags: { owner: 'ana' }, aliases: { best: 'one', latest: 'two' } });
    await update({ version: 'two', tags: { team: null, note: 'x' }, description: 'another' });
    const { failed } = await server.call('sync_mlflow', { model_id: 'linear' });
    expect(failed).toEqual([{ what: 'linear: alias latest', why: expect.any(String) }]);
    const { linear } = (await view()).models;
    expect(linear).toMatchObject({
      description: 'a line',
      tags: { owner: 'ana' },
      aliases: { production: 2, best: 1 },
      versions: { '2': { description: 'another' } },
    });
    expect(linear?.versions['2']?.tags).toMatchObject({ note: 'x' });
    expect(linear?.versions['2']?.tags).not.toHaveProperty('team');

    await update({ description: '', tags: { owner: null }, aliases: { best: null, latest: null } });
    await update({ version: 'two', tags: { note: null }, description: '' });
    expect(await server.call('sync_mlflow', { model_id: 'linear' })).toMatchObject({ queued: 0, failed: [] });
    const bare = (await view()).models.linear;
    expect(bare).toMatchObject({ description: '', aliases: { production: 2 } });
    expect(bare?.aliases).toEqual({ production: 2 });
    expect(bare?.tags).not.toHaveProperty('owner');
    expect(bare?.versions['2']?.description).toBe('');
    expect(bare?.versions['2']?.tags).not.toHaveProperty('note');
  });

  test('metrics and hyperparameters follow update_model; what a run cannot say a tag does', async () => {
    const update = (version: string, given: object) =>
      server.call('update_model', { model_id: 'linear', version, ...given });
    const runOf = async (version: string) => {
      const { models, runs } = await view();
      const { tags } = Object.values(models.linear?.versions ?? {}).find(
        (one) => one.tags['modelyard.version'] === version,
      ) ?? { tags: {} };
      return { ...runs.find(({ name }) => name === `linear ${version}`), tags };
    };
    await update('two', { metrics: { mae: 0.25, rmse: 0.5 }, hyperparameters: { alpha: [1, 3], depth: 4 } });
    expect(await server.call('sync_mlflow')).toMatchObject({ queued: 0, failed: [] });
    const edited = await runOf('two');
    expect(edited).toMatchObject({
      metrics: { mae: 0.25, rmse: 0.5 },
      // MLflow lets nobody change a parameter.
      params: { alpha: '[1,2]', depth: '4' },
      tags: { 'modelyard.hyperparameters': '{"alpha":[1,3],"depth":4}' },
    });
    // To compare again changes nothing.
    await server.call('sync_mlflow', { model_id: 'linear' });
    expect(await runOf('two')).toEqual(edited);

    await update('two', { metrics: { rmse: null }, hyperparameters: { alpha: [1, 2], depth: 4 } });
    expect(await server.call('sync_mlflow')).toMatchObject({ queued: 0, failed: [] });
    const back = await runOf('two');
    expect(back.metrics).toEqual({ mae: 0.25, rmse: null });
    expect(back.tags).not.toHaveProperty('modelyard.hyperparameters');

    // What somebody logged there meanwhile is reported, until both say the same.
    await client(['log_metric', { run_id: back.run_id ?? '', key: 'mae', value: 0.75, step: 9 }]);
    await update('two', { metrics: { mae: 0.125 } });
    expect((await server.call('sync_mlflow')).failed).toEqual([
      { what: 'linear two: metric mae', why: expect.stringMatching(/"0.75".*"0.125"/) },
    ]);
    expect((await runOf('two')).metrics).toMatchObject({ mae: 0.75 });
    await update('two', { metrics: { mae: 0.75 } });
    expect(await server.call('sync_mlflow')).toMatchObject({ queued: 0, failed: [] });
  });

  test('into the run of a data scientist nothing is written', async () => {
    const { r2 } = science.diabetes;
    await server.call('update_model', { model_id: 'diabetes', version: '1', metrics: { r2: 0.125 } });
    await server.call('sync_mlflow', { model_id: 'diabetes' });
    expect((await view()).models.diabetes?.versions['1']?.tags).toMatchObject({
      'modelyard.metrics': '{"r2":0.125}',
    });
    const { runs } = registryView.parse(await mlflow.script('read_registry.py', { experiment: 'science' }));
    expect(runs.find(({ run_id }) => run_id === science.diabetes.run_id)?.metrics.r2).toBeCloseTo(r2, 12);
    await server.call('update_model', { model_id: 'diabetes', version: '1', metrics: { r2 } });
    await server.call('sync_mlflow', { model_id: 'diabetes' });
    expect((await view()).models.diabetes?.versions['1']?.tags).not.toHaveProperty('modelyard.metrics');
  });

  test('a model whose tensors are behind its graph is sent as two files, which mlflow.pyfunc loads', async () => {
    // Here a small one; registration makes them of models above 2 GB.
    const folder = fileURLToPath(new URL('../mlflow/external/', import.meta.url));
    const source = join(server.directory, 'packed.onnx');
    const pieces = packTensors(
      readFileSync(join(folder, 'one_file.onnx')),
      (name) => statSync(join(folder, name)).size,
      1,
    );
    for (const piece of pieces)
      appendFileSync(
        source,
        'location' in piece
          ? readFileSync(join(folder, piece.location)).subarray(piece.offset, piece.offset + piece.length)
          : piece,
      );
    await server.call('deploy_model', { model_id: 'packed', version: '1', source });
    expect(await server.call('sync_mlflow', { model_id: 'packed' })).toMatchObject({ queued: 0, failed: [] });
    const given = Array.from({ length: 20 }, (_, row) =>
      Array.from({ length: 20 }, (_, at) => (row - at) / 8),
    );
    const expected = answers.parse(
      await mlflow.script('ask_pyfunc.py', { uri: 'models:/packed/1', rows: given }),
    );
    expectClose((await valuesOf('packed', '1', 'x', given)).get('y'), expected.y);
    // And back again, as one file that has all tensors in itself.
    await server.call('deploy_model', { model_id: 'packed', version: 'back', source: 'models:/packed/1' });
    expectClose((await valuesOf('packed', 'back', 'x', given)).get('y'), expected.y);
  });

  test('mlflow.pyfunc loads what was registered here, and answers the same', async () => {
    await server.call('deploy_model', { model_id: 'linear', version: 'two', set_active: true });
    const row = { a: 1, b: 2, c: 3 };
    const { predictions } = await server.call('predict', { model_id: 'linear', inputs: [row] });
    const there = answers.parse(
      await mlflow.script('ask_pyfunc.py', {
        uri: 'models:/linear@production',
        // Columns have names: their order is MLflow's business.
        columns: ['c', 'a', 'b'],
        rows: [[3, 1, 2]],
      }),
    );
    expectClose(
      predictions.map(({ value }) => Number(value)),
      there.y,
    );

    const { rows: given, expected } = science.iris;
    await server.call('sync_mlflow', { model_id: 'iris' });
    const classified = answers.parse(
      await mlflow.script('ask_pyfunc.py', { uri: 'models:/iris/1', rows: given }),
    );
    for (const [name, values] of Object.entries(expected)) expectClose(classified[name], values);
  });

  test('a version that came from MLflow is not sent back as another', async () => {
    await server.call('sync_mlflow', { model_id: 'diabetes' });
    const { models } = await view();
    expect(models.diabetes?.versions['1']).toMatchObject({
      tags: { 'modelyard.version': '1', reviewed: 'yes' },
    });
    expect(models.diabetes?.aliases).toEqual({ champion: 1 });
  });

  test('what was changed on both sides is reported, and stays as it is in MLflow', async () => {
    await client(
      ['set_registered_model_alias', { name: 'linear', alias: 'production', version: '1' }],
      ['set_model_version_tag', { name: 'linear', version: '1', key: 'team', value: 'theirs' }],
    );
    const { failed } = await server.call('sync_mlflow', { model_id: 'linear' });
    expect(failed).toEqual([
      { what: 'linear one: tag team', why: expect.stringContaining('"theirs"') },
      { what: 'linear: alias production', why: expect.stringMatching(/"1".*"2"/) },
    ]);
    const { models } = await view();
    expect(models.linear?.aliases).toEqual({ production: 1 });
    expect(models.linear?.versions['1']?.tags.team).toBe('theirs');
    expect((await server.call('health_check')).checks).toContainEqual(
      expect.objectContaining({ name: 'mlflow', detail: expect.stringContaining('2 problems') }),
    );
    // A person decides there: then both agree again.
    await client(
      ['set_registered_model_alias', { name: 'linear', alias: 'production', version: '2' }],
      ['set_model_version_tag', { name: 'linear', version: '1', key: 'team', value: 'risk' }],
    );
    expect(await server.call('sync_mlflow', { model_id: 'linear' })).toMatchObject({ failed: [] });
  });

  test('a version that was deleted in MLflow comes back only when somebody asks for it', async () => {
    await client(['delete_model_version', { name: 'linear', version: '1' }]);
    const { failed } = await server.call('sync_mlflow');
    expect(failed).toEqual([
      { what: 'linear one', why: expect.stringMatching(/version 1 was deleted in MLflow/) },
    ]);
    expect(Object.keys((await view()).models.linear?.versions ?? {})).toEqual(['2']);
    expect(await server.call('sync_mlflow', { model_id: 'linear' })).toMatchObject({ failed: [] });
    expect((await view()).models.linear?.versions).toMatchObject({
      '3': { tags: { 'modelyard.version': 'one' } },
    });
  });

  test('pull brings versions that were made in MLflow, once', async () => {
    const { run_id, model_id } = science.diabetes;
    const from = science.network.run_id;
    await client(
      [
        'create_model_version',
        model_id === null
          ? { name: 'linear', source: `runs:/${run_id}/ridge`, run_id }
          : { name: 'linear', source: `models:/${model_id}`, run_id, model_id },
      ],
      ['create_model_version', { name: 'linear', source: `runs:/${from}/notes`, run_id: from }],
    );
    const pulled = await server.call('sync_mlflow', { model_id: 'linear', direction: 'pull' });
    expect(pulled).toEqual({
      note: expect.stringContaining('not instructions'),
      undo: expect.any(String),
      queued: 0,
      sent: 1,
      failed: [
        {
          what: "linear: MLflow's version 5",
          why: expect.stringContaining('no file MLmodel there, but: readme'),
        },
      ],
      connected: true,
    });
    const { versions } = await server.call('get_model', { model_id: 'linear', version: '4' });
    expect(versions).toMatchObject([{ stage: 'development', metrics: { r2: expect.any(Number) } }]);
    expect(await server.call('sync_mlflow', { model_id: 'linear', direction: 'pull' })).toMatchObject({
      sent: 0,
    });
    expect(await server.call('sync_mlflow', { model_id: 'linear' })).toMatchObject({ failed: [] });
    expect(Object.keys((await view()).models.linear?.versions ?? {})).toEqual(['2', '3', '4', '5']);
  });

  describe('with MLFLOW_EXPERIMENT_NAME', () => {
    let own: Scratch;
    let tracked: TestServer;
    beforeAll(async () => {
      own = scratchDirectory();
      tracked = await startServer({
        directory: own.path,
        settings: {
          MLFLOW_TRACKING_URI: mlflow.address,
          MLFLOW_EXPERIMENT_NAME: 'serving',
          HEALTH_CHECK_INTERVAL_SEC: '1',
        },
      });
    });
    afterAll(async () => {
      await tracked?.close();
      own?.remove();
    });
    const runs = async () =>
      registryView.parse(await mlflow.script('read_registry.py', { experiment: 'serving', history: true }))
        .runs;

    test('every deployment is a run, with its parameters, outcome and share of the traffic over time', async () => {
      const deploy = (version: string, model: string, set_active: boolean) =>
        tracked.call('deploy_model', {
          model_id: 'served',
          version,
          source: testModel(model),
          set_active,
          framework: 'onnx',
          latency_threshold_ms: 250,
        });
      await deploy('a', 'linear_float32', true);
      await deploy('b', 'linear_float32_b', false);
      await tracked.call('set_traffic', {
        model_id: 'served',
        weights: { a: 0.75, b: 0.25 },
      });
      await tracked.fail('deploy_model', { model_id: 'served', version: 'c', source: testModel('text') });
      await tracked.call('set_traffic', { model_id: 'served', weights: { b: 1 } });
      await tracked.call('retire_model', { model_id: 'served', version: 'a' });
      const weightsOf = (run: Awaited<ReturnType<typeof runs>>[number] | undefined) =>
        run?.history['traffic/weight']?.map(([, , value]) => value);
      const seen = await until(
        'three runs, of which one goes on, and the traffic after the other one ended',
        async () => {
          const found = await runs();
          const open = found.filter(({ status }) => status === 'RUNNING');
          const isTold = open.length === 1 && weightsOf(open[0])?.length === 4;
          return found.length === 3 && isTold ? found : undefined;
        },
        120_000,
      );
      const runOf = (version: string) => seen.find(({ params }) => params.version === version);
      const weights = (version: string) => weightsOf(runOf(version));
      expect(runOf('a')).toMatchObject({
        name: 'served a deployed',
        status: 'FINISHED',
        params: {
          model_id: 'served',
          version: 'a',
          action: 'deploy_model',
          by: expect.stringMatching(/^operator \(modelyard-e2e/),
          framework: 'onnx',
          set_active: 'true',
          latency_threshold_ms: '250',
          artifact_sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
        },
        tags: { 'modelyard.outcome': 'ready', 'modelyard.version': 'a' },
      });
      expect(runOf('b')).toMatchObject({ status: 'RUNNING', tags: { 'modelyard.traffic': '{"b":1}' } });
      expect(runOf('c')).toMatchObject({
        status: 'FAILED',
        tags: { 'modelyard.outcome': 'ARTIFACT_INVALID', 'modelyard.error': expect.stringMatching(/./) },
      });
      // As active; beside b; three quarters; none.
      expect(weights('a')).toEqual([1, 1, 0.75, 0]);
      expect(weights('b')).toEqual([0, 0.25, 1, 1]);
    });

    test('what a drift report found is logged with the version’s run', async () => {
      const { drifted_features } = await driftOf(tracked);
      expect(drifted_features.length).toBeGreaterThan(0);
      const run = await until(
        'the report is logged',
        async () => (await runs()).find(({ metrics }) => 'monitoring/features_checked' in metrics),
        120_000,
      );
      expect(run).toMatchObject({
        params: { version: 'b' },
        metrics: {
          'monitoring/features_checked': 3,
          'monitoring/features_drifted': 1,
          'monitoring/drift_rate': expect.closeTo(1 / 3, 12),
        },
      });
    });

    test.each([
      ['numbers', 'served', 'b', (value: number) => value + 2, { mae: 2, rmse: 2 }],
      // Every fourth class is another.
      [
        'classes',
        'sorted',
        '1',
        (value: number, row: number) => (row % 4 === 0 ? 1 - value : value),
        { accuracy: 0.75 },
      ],
    ])(
      'how well it answered is logged where the actual value is known: %s',
      async (_, model, version, actualOf, metrics) => {
        if (model === 'sorted')
          await tracked.call('deploy_model', {
            model_id: 'sorted',
            version: '1',
            source: testModel('logistic_binary'),
          });
        const { versions } = await tracked.call('get_model', {
          model_id: model,
          version,
          response_format: 'detailed',
        });
        const names = versions[0]?.signature?.features.map(({ name }) => name) ?? [];
        const { predictions } = await tracked.call('predict', {
          model_id: model,
          inputs: tableOf(names, 0).slice(0, 80),
        });
        const outcomes = predictions.map(({ prediction_id, value }, row) => ({
          prediction_id,
          actual: actualOf(Number(value), row),
        }));
        const runOf = async () =>
          (await runs()).find(({ params, status }) => params.model_id === model && status === 'RUNNING');
        expect(await tracked.call('record_outcomes', { model_id: model, outcomes })).toMatchObject({
          matched: 80,
        });
        const logged = await until(
          'the outcomes are logged',
          async () => {
            const run = await runOf();
            return run !== undefined && 'monitoring/outcomes' in run.metrics ? run : undefined;
          },
          120_000,
        );
        expect(logged.metrics['monitoring/outcomes']).toBe(80);
        for (const [name, value] of Object.entries(metrics))
          expect(logged.metrics[`monitoring/${name}`]).toBeCloseTo(value, 5);
        // What get_performance says.
        const report = await tracked.call('get_performance', { model_id: model });
        for (const name of Object.keys(metrics))
          expect(logged.metrics[`monitoring/${name}`]).toBe(report.metrics[name]?.value);
      },
    );

    test('an A/B test is logged beside its weights while outcomes come', async () => {
      for (const [version, model] of [
        ['1', 'linear_float32'],
        ['2', 'linear_float32_b'],
      ] as const)
        await tracked.call('deploy_model', { model_id: 'ab', version, source: testModel(model) });
      await tracked.call('set_traffic', { model_id: 'ab', weights: { 1: 0.5, 2: 0.5 } });
      // Version 2 is wrong by four times as much.
      const serve = async (from: number) => {
        const calls = Array.from({ length: 40 }, async (_, index) => {
          const { version, predictions } = await tracked.call('predict', {
            model_id: 'ab',
            entity_key: `customer ${from + index}`,
            inputs: Array.from({ length: 10 }, (_row, row) => ({ f0: row, f1: index, f2: 1 })),
          });
          return predictions.map(({ prediction_id, value }, row) => ({
            prediction_id,
            actual: Number(value) + (version === '1' ? 1 : 4) + 0.1 * (row % 5) + 0.01 * index,
          }));
        });
        const outcomes = (await Promise.all(calls)).flat();
        await tracked.call('record_outcomes', { model_id: 'ab', outcomes });
      };
      const runOf = async (version: string) =>
        (await runs()).find(
          ({ params, status }) =>
            params.model_id === 'ab' && params.version === version && status === 'RUNNING',
        );
      await serve(0);
      const logged = await until(
        'the comparison is logged',
        async () => {
          const run = await runOf('2');
          return run?.metrics['ab/units'] === undefined ? undefined : run;
        },
        120_000,
      );
      expect(logged.history['traffic/weight']?.at(-1)?.[2]).toBe(0.5);
      // What get_performance says.
      const report = await tracked.call('get_performance', { model_id: 'ab', by_version: true });
      const verdict = report.comparison?.verdicts.find(({ metric }) => metric === 'mae');
      const units = (version: string) =>
        report.comparison?.arms.find((arm) => arm.version === version)?.units;
      const baseline = verdict?.a ?? '';
      const other = baseline === '1' ? '2' : '1';
      const [ofBaseline, ofOther] = [await runOf(baseline), await runOf(other)];
      expect(ofBaseline?.metrics).toMatchObject({ 'ab/units': units(baseline), 'ab/mae': verdict?.value_a });
      expect(ofBaseline?.metrics['ab/mae_difference']).toBeUndefined();
      expect(ofOther?.metrics).toMatchObject({
        'ab/units': units(other),
        'ab/mae': verdict?.value_b,
        'ab/mae_difference': verdict?.difference,
        'ab/mae_difference_low': expect.closeTo(verdict?.interval?.[0] ?? Number.NaN, 2),
        'ab/mae_difference_high': expect.closeTo(verdict?.interval?.[1] ?? Number.NaN, 2),
        'ab/mae_verdict': other === '2' ? -1 : 1,
        'ab/error_rate_verdict': 0,
      });
    });

    test('the drift that the server looks for itself is logged too', async () => {
      await until(
        'a second report of the version that has a reference',
        async () => {
          const run = (await runs()).find(
            ({ params, status }) => params.version === 'b' && status === 'RUNNING',
          );
          return (run?.history['monitoring/features_checked']?.length ?? 0) >= 2;
        },
        120_000,
      );
    });
  });
});

/** 200 rows, of which the first feature is moved by `shift`. */
function tableOf(names: readonly string[], shift: number): Record<string, number>[] {
  return Array.from({ length: 200 }, (_, row) =>
    Object.fromEntries(
      names.map((name, index) => [name, ((row * (index + 7)) % 200) / 10 + (index === 0 ? shift : 0)]),
    ),
  );
}

/** A reference, and current rows of which the first feature has moved far. */
async function driftOf(server: TestServer) {
  const { signature } = (
    await server.call('get_model', { model_id: 'served', version: 'b', response_format: 'detailed' })
  ).versions[0] ?? { signature: undefined };
  const names = signature?.features.map(({ name }) => name) ?? [];
  const table = (shift: number) => tableOf(names, shift);
  await server.call('set_reference_data', { model_id: 'served', version: 'b', data: table(0) });
  return server.call('detect_drift', {
    model_id: 'served',
    version: 'b',
    target: 'features',
    current_data: table(100),
  });
}

test('without MLflow everything works but MLflow, and health_check says so', async () => {
  const server = await startServer();
  try {
    expect((await server.call('health_check')).server.mlflow).toBe('not configured');
    expect(await server.fail('sync_mlflow')).toMatchObject({ code: 'MLFLOW_UNAVAILABLE' });
    const source = 'models:/any/1';
    expect(await server.fail('register_model', { model_id: 'm', version: '1', source })).toMatchObject({
      code: 'MLFLOW_UNAVAILABLE',
      hint: expect.stringContaining('MLFLOW_TRACKING_URI'),
    });
  } finally {
    await server.close();
  }
});
