import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { afterAll, afterEach, describe, expect, test } from 'vitest';
import { createEngine, type Engine, type EngineModel } from '../../../src/serving/engine/engine.ts';
import type { NamedTensors } from '../../../src/serving/engine/protocol.ts';
import { artifactStore } from '../../../src/storage/artifact_store.ts';
import { modelFile } from '../../models/model_file.ts';
import { temporaryDirectory } from '../../temporary.ts';

const artifacts = artifactStore(temporaryDirectory(), 1e9);
const settings = { withFile: artifacts.withFile, loadTimeoutMs: 30_000, runTimeoutMs: 30_000, threads: 1 };

let engines: Engine[] = [];
function engineWith(special: Partial<Parameters<typeof createEngine>[0]> = {}): Engine {
  const engine = createEngine({ ...settings, ...special });
  engines.push(engine);
  return engine;
}
afterEach(() => {
  for (const engine of engines) engine.close();
  engines = [];
});

const inspector = createEngine(settings);
afterAll(inspector.close);

/** A test model as a version that an engine can load. */
async function versionOf(name: string, key = name): Promise<EngineModel> {
  const artifact = await artifacts.add(modelFile(name));
  const { inputs, outputs } = await inspector.inspect(artifact);
  return { key, artifact, inputs, outputs, instances: undefined };
}

const column = (...values: number[]): NamedTensors =>
  new Map([['x', { datatype: 'FP32', shape: [values.length, 1], data: Float32Array.from(values) }]]);
const numbers = (outputs: NamedTensors, name = 'y') => [...(outputs.get(name)?.data ?? [])];

describe('a version', () => {
  test('is loaded by its first call, and ready from then on', async () => {
    const engine = engineWith();
    const model = await versionOf('identity_float32');
    expect(engine.status(model.key)).toMatchObject({
      state: 'not_loaded',
      hosts: 0,
      waiting: 0,
      runningMs: undefined,
    });
    const loading = engine.load(model);
    expect(engine.status(model.key).state).toBe('loading');
    expect(await loading).toMatchObject({ warmupFailure: undefined });
    expect(engine.status(model.key)).toMatchObject({ state: 'ready', hosts: 1 });
  });

  test('answers every one of many calls at once with its own rows', async () => {
    const engine = engineWith();
    const model = await versionOf('slow_run');
    const calls = Array.from({ length: 60 }, (_, call) =>
      Array.from({ length: 1 + (call % 3) }, (_, row) => call + row / 4),
    );
    const answers = await Promise.all(calls.map((values) => engine.run(model, column(...values))));
    expect(answers.map((answer) => numbers(answer))).toEqual(calls);
  });

  test('can be called while it is being loaded, and is loaded once', async () => {
    const engine = engineWith();
    const model = await versionOf('slow_run');
    const [, one, , two] = await Promise.all([
      engine.load(model),
      engine.run(model, column(1)),
      engine.load(model),
      engine.run(model, column(2)),
    ]);
    expect([one, two].map((answer) => numbers(answer))).toEqual([[1], [2]]);
    expect(engine.status(model.key).hosts).toBe(1);
  });

  test('that refuses a row goes on with the next', async () => {
    const engine = engineWith();
    const model = await versionOf('fails_run');
    await expect(engine.run(model, column(101))).rejects.toMatchObject({
      code: 'INFERENCE_FAILED',
      message: expect.stringMatching(/^The model could not run on these inputs: \S.*[^.]\.$/),
    });
    expect(numbers(await engine.run(model, column(3)))).toEqual([6]);
  });

  test('that was unloaded is loaded again by the next call', async () => {
    const engine = engineWith();
    const model = await versionOf('slow_run');
    const before = engine.run(model, column(1));
    await engine.unload(model);
    // What was under way is answered first.
    expect(numbers(await before)).toEqual([1]);
    expect(engine.status(model.key).state).toBe('not_loaded');
    expect(numbers(await engine.run(model, column(2)))).toEqual([2]);
  });
});

describe('a fault costs its own call only', () => {
  const division = (...rows: [number, number][]): NamedTensors =>
    new Map([
      ['x', { datatype: 'INT32', shape: [rows.length, 1], data: Int32Array.from(rows, ([x]) => x) }],
      ['d', { datatype: 'INT32', shape: [rows.length, 1], data: Int32Array.from(rows, ([, d]) => d) }],
    ]);

  // The smallest integer divided by -1 traps on x86 only.
  test.runIf(process.arch === 'x64')(
    'a crash: the calls that came with it are answered by a new host',
    async () => {
      const engine = engineWith();
      const model = await versionOf('crash_run');
      const [before, crash, after] = await Promise.allSettled([
        engine.run(model, division([6, 3])),
        engine.run(model, division([-2147483648, -1])),
        engine.run(model, division([8, -2])),
      ]);
      expect(crash).toMatchObject({
        status: 'rejected',
        reason: { code: 'ENGINE_CRASHED', retryable: false, fault: 'caller' },
      });
      expect(
        [before, after].map((outcome) => outcome.status === 'fulfilled' && numbers(outcome.value)),
      ).toEqual([[2], [-4]]);
      expect(numbers(await engine.run(model, division([9, 3])))).toEqual([3]);
    },
  );

  test('a hang: the call is a TIMEOUT, its host is ended, and the next call is answered', async () => {
    const engine = engineWith({ runTimeoutMs: 1500 });
    const model = await versionOf('slow_run');
    await engine.load(model);
    await expect(engine.run(model, column(1e9))).rejects.toMatchObject({
      code: 'TIMEOUT',
      fault: 'caller',
      retryable: false,
    });
    expect(numbers(await engine.run(model, column(1)))).toEqual([1]);
  });

  test('a queue that is full: the call is refused, those in it are answered', async () => {
    const engine = engineWith({ maxQueue: 2 });
    const model = await versionOf('fixed_batch');
    const rows: NamedTensors = new Map([
      ['x', { datatype: 'FP32', shape: [4, 2], data: Float32Array.of(1, 0, 2, 0, 3, 0, 4, 0) }],
    ]);
    const outcomes = await Promise.allSettled([1, 2, 3].map(() => engine.run(model, rows)));
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected']);
    expect(outcomes[2]).toMatchObject({ reason: { code: 'LIMIT_EXCEEDED' } });
  });
});

describe('a version that cannot be loaded', () => {
  test('because its file changed is ARTIFACT_MISMATCH, until the file is put back', async () => {
    const engine = engineWith();
    const model = await versionOf('linear_float32_b');
    const path = artifacts.pathOf(model.artifact.sha256);
    writeFileSync(path, readFileSync(modelFile('linear_float32')));
    await expect(engine.load(model)).rejects.toMatchObject({ code: 'ARTIFACT_MISMATCH' });
    await artifacts.add(modelFile('linear_float32_b'));
    await engine.load(model);
    expect(engine.status(model.key).state).toBe('ready');
  });

  test('because its file is missing says so, and not that it is damaged', async () => {
    const engine = engineWith();
    const model = await versionOf('linear_float32_b');
    rmSync(artifacts.pathOf(model.artifact.sha256));
    await expect(engine.load(model)).rejects.toMatchObject({
      code: 'ARTIFACT_MISMATCH',
      message: expect.stringContaining('is missing'),
      hint: expect.stringContaining('Register the same file again'),
    });
    await artifacts.add(modelFile('linear_float32_b'));
  });

  test.each(['text', 'random_bytes', 'truncated'])(
    'because it is no model (%s) is ARTIFACT_INVALID',
    async (name) => {
      const engine = engineWith();
      await expect(engine.inspect(await artifacts.add(modelFile(name)))).rejects.toMatchObject({
        code: 'ARTIFACT_INVALID',
      });
    },
  );

  test('in time is a TIMEOUT', async () => {
    const engine = engineWith({ loadTimeoutMs: 1500 });
    await expect(engine.inspect(await artifacts.add(modelFile('slow_load')))).rejects.toMatchObject({
      code: 'TIMEOUT',
      message: 'The model did not load within 1500 ms; its engine host was stopped.',
    });
  });

  test.runIf(process.arch === 'x64')('without killing its host is ENGINE_CRASHED', async () => {
    const engine = engineWith();
    await expect(engine.inspect(await artifacts.add(modelFile('crash_load')))).rejects.toMatchObject({
      code: 'ENGINE_CRASHED',
      message: expect.stringMatching(/^The runtime \(onnxruntime [\d.]+\) ended while it loaded this model/),
      hint: expect.not.stringMatching(/\brows?\b/),
    });
  });

  test('fails every call that waits for it', async () => {
    const engine = engineWith();
    const model = await versionOf('multi_output');
    const missing = { ...model, artifact: { sha256: '0'.repeat(64), bytes: 1 } };
    const calls = await Promise.allSettled([1, 2, 3].map(() => engine.run(missing, new Map())));
    expect(calls).toMatchObject(calls.map(() => ({ reason: { code: 'ARTIFACT_MISMATCH' } })));
    expect(engine.status(missing.key).state).toBe('not_loaded');
  });
});

describe('inspecting a file', () => {
  test('says what the model takes and gives', async () => {
    const engine = engineWith();
    const inspected = await engine.inspect(await artifacts.add(modelFile('mixed_columns')));
    expect(inspected.inputs).toMatchObject([
      { name: 'age', datatype: 'FP32', shape: [-1, 1] },
      { name: 'count', datatype: 'INT64', shape: [-1, 1] },
      { name: 'flag', datatype: 'BOOL', shape: [-1, 1] },
      { name: 'city', datatype: 'BYTES', shape: [-1, 1] },
    ]);
    expect(inspected.outputs).toMatchObject([
      { name: 'total', datatype: 'FP32', shape: [-1, 1] },
      { name: 'city_out', datatype: 'BYTES', shape: [-1, 1] },
    ]);
    expect(inspected.warnings).toEqual([]);
  });

  test('leaves a host that the first version of that file takes over', async () => {
    const engine = engineWith();
    const artifact = await artifacts.add(modelFile('linear_float32'));
    const { inputs, outputs } = await engine.inspect(artifact);
    // Without its file only the host that has read it already can serve.
    writeFileSync(artifacts.pathOf(artifact.sha256), 'damaged');
    const model = { artifact, inputs, outputs, instances: undefined };
    await engine.load({ ...model, key: 'first' });
    expect(engine.status('first').state).toBe('ready');
    await expect(engine.load({ ...model, key: 'second' })).rejects.toMatchObject({
      code: 'ARTIFACT_MISMATCH',
    });
  });
});
