import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { CallCancelling } from '../../../src/cancelling.ts';
import { createEngine, type EngineModel } from '../../../src/serving/engine/engine.ts';
import { RunFailure } from '../../../src/serving/engine/fault.ts';
import type { NamedTensors } from '../../../src/serving/engine/protocol.ts';
import { joinEngines } from '../../../src/serving/engines.ts';
import { openPlacements, type Placements } from '../../../src/serving/remote/placements.ts';
import { createRemoteEngine, type RemoteEngine } from '../../../src/serving/remote/remote_engine.ts';
import { artifactStore } from '../../../src/storage/artifact_store.ts';
import { type OpenDatabase, openDatabase } from '../../../src/storage/database.ts';
import { until } from '../../e2e/until.ts';
import { silent } from '../../mlflow/silent.ts';
import { modelFile } from '../../models/model_file.ts';
import { temporaryDirectory } from '../../temporary.ts';
import { type PushedEngine, startPushedEngine } from './pushed_engine.ts';

const artifacts = artifactStore(temporaryDirectory(), 1e9);
const embedded = createEngine({
  withFile: artifacts.withFile,
  loadTimeoutMs: 30_000,
  runTimeoutMs: 30_000,
  threads: 1,
});
let server: PushedEngine;
beforeAll(async () => {
  server = await startPushedEngine();
});
afterAll(() => {
  server.close();
  embedded.close();
});

/** Nothing is deployed as its database has it. */
let now = 0;
let opened: OpenDatabase;
let placements: Placements;
beforeAll(async () => {
  opened = await openDatabase({ directory: temporaryDirectory() });
  placements = openPlacements(opened.database, () => now);
});
afterAll(() => opened.close());

let remotes: RemoteEngine[] = [];
let wanted = true;
beforeEach(() => {
  wanted = true;
  server.lose();
  server.loads.length = 0;
  server.instead = undefined;
  server.isAway = false;
});
afterEach(() => {
  for (const remote of remotes) remote.close();
  remotes = [];
});

function remoteWith(special: Partial<Parameters<typeof createRemoteEngine>[1]> = {}): RemoteEngine {
  const remote = createRemoteEngine(
    {
      name: 'triton',
      url: server.url,
      protocol: 'rest',
      headers: {},
      caFile: undefined,
      models: { kind: 'pushed' },
      binaryTensors: undefined,
    },
    {
      withFile: artifacts.withFile,
      loadTimeoutMs: 30_000,
      runTimeoutMs: 30_000,
      maxQueue: 100,
      isWanted: async () => wanted,
      storeId: 'a store',
      placements,
      logger: silent,
      ...special,
    },
  );
  remotes.push(remote);
  return remote;
}

async function versionOf(name: string, key = `${name}@1`): Promise<EngineModel> {
  const artifact = await artifacts.add(modelFile(name));
  const { inputs, outputs } = await embedded.inspect(artifact);
  return { key, engine: 'triton', artifact, inputs, outputs, instances: undefined };
}

const noted = () => opened.database.selectFrom('engine_placements').selectAll().execute();
const column = (...values: number[]): NamedTensors =>
  new Map([['x', { datatype: 'FP32', shape: [values.length, 1], data: Float32Array.from(values) }]]);
const failureOf = (call: Promise<unknown>) =>
  call.then(
    () => undefined,
    (error: unknown) => error,
  );
const fault = (error: unknown) => (error instanceof RunFailure ? error.fault : undefined);

describe('a version in an engine of another machine', () => {
  test('is sent once for all calls that wait for it, and once for all processes', async () => {
    const model = await versionOf('fails_run');
    const [one, other] = [remoteWith(), remoteWith()];
    const calls = Array.from({ length: 20 }, (_, at) => one.run(model, column(at)));
    const answers = await Promise.all(calls);
    expect(answers.map((answer) => answer.get('y')?.data[0])).toEqual(calls.map((_, at) => 2 * at));
    expect((await other.run(model, column(7))).get('y')?.data[0]).toBe(14);
    expect(server.loads.length).toBe(1);
    expect(one.status(model.key)).toMatchObject({ state: 'ready', waiting: 0, runningMs: undefined });
  });

  test('is given back to an engine that has lost it by the next call', async () => {
    const model = await versionOf('fails_run');
    const remote = remoteWith();
    await remote.run(model, column(1));
    server.lose();
    expect((await remote.run(model, column(2))).get('y')?.data[0]).toBe(4);
    expect(server.loads.length).toBe(2);
  });

  test('is not given back where it was retired meanwhile', async () => {
    const model = await versionOf('fails_run');
    const remote = remoteWith();
    await remote.run(model, column(1));
    await remote.unload(model);
    expect(server.models()).toEqual([]);
    wanted = false;
    expect(await failureOf(remote.run(model, column(1)))).toMatchObject({ code: 'NOT_DEPLOYED' });
    expect(server.models()).toEqual([]);
  });

  test('does not stay where it was retired while it was given back', async () => {
    const model = await versionOf('fails_run');
    // Wanted when it is asked for, and no longer when it has been loaded.
    const remote = remoteWith({ isWanted: async () => server.models().length === 0 });
    expect(await failureOf(remote.run(model, column(1)))).toMatchObject({ code: 'NOT_DEPLOYED' });
    expect(server.loads.length).toBe(1);
    expect(server.models()).toEqual([]);
  });

  test('is taken out of an engine that was away when it was retired, by any process', async () => {
    const model = await versionOf('fails_run');
    const remote = remoteWith();
    await remote.ensure(model, true);
    server.isAway = true;
    expect(await failureOf(remote.unload(model))).toMatchObject({ code: 'ENGINE_CRASHED' });
    expect(server.models().length).toBe(1);
    server.isAway = false;
    remoteWith({ roundMs: 5 });
    await until('it is unloaded', () => server.models().length === 0);
    await until('it is forgotten', async () => (await noted()).length === 0);
  });

  test('stays while its deployment may be under way, and goes when that came to nothing', async () => {
    const model = await versionOf('fails_run');
    await remoteWith().ensure(model, true);
    const asked: number[] = [];
    const counting = {
      ...placements,
      unwanted: async (engine: string) => {
        const names = await placements.unwanted(engine);
        asked.push(names.length);
        return names;
      },
    };
    remoteWith({ roundMs: 5, placements: counting });
    await until('it was looked at', () => asked.length > 3);
    expect(server.models().length).toBe(1);
    now += 3_600_000;
    await until('it is unloaded', () => server.models().length === 0);
  });

  test('is not touched where it is another store’s, though it is the same', async () => {
    const model = await versionOf('fails_run');
    const other = remoteWith({ storeId: 'another store' });
    await other.ensure(model, true);
    const own = remoteWith();
    await own.ensure(model, true);
    expect(new Set(server.models()).size).toBe(2);
    await own.unload(model);
    expect(server.models().length).toBe(1);
    expect((await other.run(model, column(4))).get('y')?.data[0]).toBe(8);
    expect(server.loads.length).toBe(2);
    await other.unload(model);
  });

  test('is loaded again where it is deployed with another number of instances', async () => {
    const model = await versionOf('fails_run');
    const remote = remoteWith();
    await remote.ensure({ ...model, instances: 2 }, true);
    expect(server.instances()).toBe(2);
    await remote.ensure({ ...model, instances: 2 }, true);
    expect(server.loads.length).toBe(1);
    await remote.ensure({ ...model, instances: 3 }, true);
    expect(server.instances()).toBe(3);
  });

  test('is served without its ZipMap, as here', async () => {
    const model = await versionOf('classifier_zipmap');
    const [input] = model.inputs;
    const tensors: NamedTensors = new Map([
      [
        input?.name ?? '',
        { datatype: 'FP32', shape: [1, input?.shape[1] ?? 0], data: new Float32Array(input?.shape[1] ?? 0) },
      ],
    ]);
    expect(await remoteWith().run(model, tensors)).toEqual(await embedded.run(model, tensors));
  });
});

describe('a failure', () => {
  test('is the caller’s where the engine still answers what it is known to answer, else the model’s', async () => {
    // A table of a hundred rows.
    const model = await versionOf('fails_run');
    const remote = remoteWith();
    await remote.run(model, column(7));
    const own = await failureOf(remote.run(model, column(500)));
    expect([fault(own), own]).toMatchObject(['caller', { code: 'INFERENCE_FAILED' }]);
    const other = remoteWith({ storedInput: async () => column(7) });
    server.instead = (response) => response.writeHead(500).end('{"error":"out of memory"}');
    const failed = await failureOf(other.run(model, column(8)));
    expect(failed).toMatchObject({
      code: 'INFERENCE_FAILED',
      message: expect.stringContaining('out of memory'),
    });
    expect(fault(failed)).toBe('model');
  });

  test('to answer in time is the engine’s; a call that is taken back is nobody’s', async () => {
    const model = await versionOf('fails_run');
    const remote = remoteWith({ runTimeoutMs: 300 });
    await remote.ensure(model, true);
    server.instead = () => undefined;
    const late = await failureOf(remote.run(model, column(1)));
    expect([fault(late), late]).toMatchObject(['model', { code: 'TIMEOUT', retryable: true }]);
    const patient = remoteWith();
    await patient.ensure(model, true);
    const signal = new CallCancelling();
    server.instead = () => signal.abort();
    const left = await failureOf(patient.run(model, column(1), { signal }));
    expect([fault(left), left]).toMatchObject([undefined, { code: 'CANCELLED' }]);
  });

  test('to be reached is the engine’s', async () => {
    const model = await versionOf('fails_run');
    const remote = remoteWith();
    await remote.run(model, column(1));
    server.instead = (response) => response.destroy();
    const broken = await failureOf(remote.run(model, column(1)));
    expect([fault(broken), broken]).toMatchObject(['model', { code: 'ENGINE_CRASHED', retryable: true }]);
    server.instead = undefined;
    expect((await remote.run(model, column(3))).get('y')?.data[0]).toBe(6);
  });

  test.each([
    ['is no JSON', 'hello', 'no JSON'],
    ['lacks an output', '{"model_name":"m","outputs":[]}', '"y" is missing'],
    [
      'is of another datatype',
      '{"model_name":"m","outputs":[{"name":"y","datatype":"INT64","shape":[1],"data":[1]}]}',
      'is INT64, not FP32',
    ],
    [
      'is shorter than it says',
      '{"model_name":"m","outputs":[{"name":"y","datatype":"FP32","shape":[2,1],"data":[1]}]}',
      'has 1 elements',
    ],
  ])('an answer that %s is not passed on', async (_, text, said) => {
    const model = await versionOf('fails_run');
    const remote = remoteWith();
    await remote.ensure(model, true);
    server.instead = (response) => response.writeHead(200).end(text);
    const failed = await failureOf(remote.run(model, column(1)));
    expect(failed).toMatchObject({ code: 'INFERENCE_FAILED', message: expect.stringContaining(said) });
  });

  test('too many calls at once are refused, those that are under way answered', async () => {
    const model = await versionOf('fails_run');
    const remote = remoteWith({ maxQueue: 2 });
    const calls = [1, 2, 3].map((value) => failureOf(remote.run(model, column(value))));
    expect(await Promise.all(calls)).toMatchObject([
      undefined,
      undefined,
      { code: 'LIMIT_EXCEEDED', retryable: true },
    ]);
  });

  test('inputs whose sizes do not fit together are not sent', async () => {
    const model = await versionOf('crash_run');
    const remote = remoteWith();
    await remote.ensure(model, true);
    let sent = 0;
    server.instead = (response) => {
      sent++;
      response.destroy();
    };
    // Both are [N, 1]: the runtime itself would stretch the shorter one.
    const ints = (...values: number[]) =>
      ({ datatype: 'INT32', shape: [values.length, 1], data: Int32Array.from(values) }) as const;
    const tensors: NamedTensors = new Map([
      ['x', { ...ints(6, 8), shape: [2, 1] }],
      ['d', { ...ints(2), shape: [1, 1] }],
    ]);
    expect(await failureOf(remote.run(model, tensors))).toMatchObject({
      code: 'SIGNATURE_MISMATCH',
      message: expect.stringContaining('dimension "N"'),
    });
    expect(sent).toBe(0);
  });
});

describe('all engines as one', () => {
  test('a version is deployed where it answers as it does here, and the host that it was compared with ends', async () => {
    const engines = joinEngines(embedded, new Map([['triton', remoteWith()]]));
    const model = await versionOf('linear_float32');
    const report = await engines.load(model);
    expect(report).toMatchObject({ warmupFailure: undefined, rows: { independent: true } });
    expect(embedded.status(model.key).state).toBe('not_loaded');
    expect(engines.status(model.key).state).toBe('ready');
    expect(engines.pools().filter(({ key }) => key === model.key)).toMatchObject([{ state: 'ready' }]);
  });

  test('it is not where the answers differ', async () => {
    const engines = joinEngines(embedded, new Map([['triton', remoteWith()]]));
    const model = await versionOf('fails_run', 'other@1');
    server.instead = (response) =>
      response
        .writeHead(200)
        .end('{"model_name":"m","outputs":[{"name":"y","datatype":"FP32","shape":[1,1],"data":[0.5]}]}');
    expect(await failureOf(engines.load(model))).toMatchObject({ code: 'GATE_FAILED' });
  });

  test('a version of an engine that is not known here is not run by another', async () => {
    const engines = joinEngines(embedded, new Map());
    const model = await versionOf('fails_run');
    expect(await failureOf(engines.run(model, column(1)))).toMatchObject({ code: 'NOT_DEPLOYED' });
    expect(() => engines.requireKnown('triton')).toThrow(/There is no engine "triton"; known: embedded\./);
  });
});
