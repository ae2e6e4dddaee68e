import { uuidv7 } from 'uuidv7';
import { afterEach, describe, expect, test } from 'vitest';
import { ModelYardError } from '../../src/errors.ts';
import type { VersionRecord } from '../../src/registry/version_record.ts';
import { defaultBreakerPolicy } from '../../src/serving/breaker.ts';
import { engineModel } from '../../src/serving/deployed_version.ts';
import type { Engine } from '../../src/serving/engine/engine.ts';
import { queueFull, waitedForTurn } from '../../src/serving/engine/job.ts';
import type { NamedTensors } from '../../src/serving/engine/protocol.ts';
import type { PredictionEntry } from '../../src/serving/prediction_sink.ts';
import { type ServedVersion, servedModels } from '../../src/serving/served_models.ts';
import { agree, runShadow } from '../../src/serving/shadow.ts';
import { shadowIdOf } from '../../src/serving/shadow_id.ts';
import { openDatabase } from '../../src/storage/database.ts';
import { until } from '../e2e/until.ts';
import { deployRow, seeder } from '../registry/seed.ts';
import { temporaryDirectory } from '../temporary.ts';

const directory = temporaryDirectory();
const { database, close } = await openDatabase({ directory });
const seed = seeder(database, directory);
await seed({ modelId: 'm', version: 'primary' });
await seed({ modelId: 'm', version: 'shadow' });
await database.insertInto('deployments').values(deployRow('m', 'shadow')).execute();
await database.insertInto('deployments').values(deployRow('m', 'primary')).execute();
const served = await servedModels(database, 1000).read('m');
await close();

function versionOf(name: string): ServedVersion {
  const found = served.versions.get(name);
  if (found === undefined) throw new Error(`${name} is not served`);
  return found;
}
const shadow = versionOf('shadow');
const primary: VersionRecord = versionOf('primary').record;

const warned: string[] = [];
const logger = {
  error: () => undefined,
  warn: (message: string) => {
    warned.push(message);
  },
  info: () => undefined,
  debug: () => undefined,
  close: async () => undefined,
};
const logged: PredictionEntry[] = [];
let appendFails = false;
const sink = {
  async append(entry: PredictionEntry) {
    if (appendFails) throw new Error('disk full');
    logged.push(entry);
  },
};
afterEach(() => {
  logged.length = 0;
  warned.length = 0;
  appendFails = false;
});

/** An engine that runs what it is given as the test says. */
const engineThat = (run: (tensors: NamedTensors) => Promise<NamedTensors>): Engine => ({
  wholeFile: async ({ fd: file }) => ({ file, remove: async () => undefined }),
  inspect: () => Promise.reject(new Error('not part of this test')),
  load: () => Promise.reject(new Error('not part of this test')),
  run: (_, tensors) => run(tensors),
  rows: async () => ({ independent: true, outputsByRow: true }),
  known: () => ({ good: undefined, inputs: [] }),
  unload: async () => undefined,
  status: () => ({ state: 'ready', hosts: 1, waiting: 0, runningMs: undefined }),
  pools: () => [],
  close: () => undefined,
});
const doubling = engineThat(async (tensors) => {
  const x = tensors.get('x');
  const doubled = Float32Array.from([...(x?.data ?? [])].map(Number), (value) => 2 * value);
  return new Map([['y', { datatype: 'FP32', shape: x?.shape ?? [], data: doubled }]]);
});

const primaryIds = Array.from({ length: 3 }, () => uuidv7());

function give(engine: Engine, rows: number[], answers: number[]): void {
  runShadow(
    { engine, sink, clock: () => 7, logger },
    {
      shadow,
      entityKey: 'somebody',
      traceId: undefined,
      outputs: undefined,
      input: { kind: 'records', records: rows.map((x) => ({ x })) },
      rows: rows.length,
      features: [['x', rows]],
      primary,
      predictions: answers.map((value) => ({ value, probabilities: undefined })),
      predictionIds: primaryIds,
      areCallersIds: false,
      primaryLatencyMs: 2.5,
    },
  );
}

describe('a shadow call', () => {
  test('is logged as what it is, with the rows on which it agrees', async () => {
    expect(shadow).toMatchObject({ policy: defaultBreakerPolicy, breaker: undefined });
    expect(engineModel(primary, undefined).key).toBe('m@primary');
    give(doubling, [1, 2, 3], [2, 4, 60]);
    // Nothing happens before the caller has gone on.
    expect(logged).toEqual([]);
    const [entry] = await until('the entry', () => logged.length > 0 && logged);
    expect(entry).toMatchObject({
      at: 7,
      modelId: 'm',
      version: 'shadow',
      route: 'shadow',
      entityKey: 'somebody',
      features: [['x', [1, 2, 3]]],
      values: [2, 4, 6],
      error: null,
      predictionIds: primaryIds.map((id) => shadowIdOf(id, false)),
      shadow: {
        primaryVersion: 'primary',
        primaryLatencyMs: 2.5,
        rows: 3,
        agreed: 2,
        agrees: [true, true, false],
        primaryValues: [2, 4, 60],
      },
    });
    expect(entry?.latencyMs).toBeGreaterThanOrEqual(0);
  });

  test('that fails is logged as one failed call without rows', async () => {
    give(
      engineThat(() => Promise.reject(new ModelYardError('ENGINE_CRASHED', 'it ended', 'again'))),
      [1, 2],
      [2, 4],
    );
    const [entry] = await until('the entry', () => logged.length > 0 && logged);
    expect(entry).toMatchObject({
      route: 'shadow',
      values: [],
      error: { code: 'ENGINE_CRASHED', message: 'it ended' },
      predictionIds: [shadowIdOf(primaryIds[0] ?? '', false)],
      shadow: { primaryVersion: 'primary', agreed: 0, rows: 2 },
    });
  });

  test('that found no room, or waited in vain for its turn, is no failure of the version', async () => {
    for (const why of [
      queueFull(64),
      new ModelYardError('TIMEOUT', 'too late', 'again', { cause: waitedForTurn }),
    ])
      give(
        engineThat(() => Promise.reject(why)),
        [1],
        [2],
      );
    give(doubling, [1], [2]);
    await until('the one after them', () => logged.length > 0);
    expect(logged.map(({ values }) => values)).toEqual([[2]]);
    expect(warned).toEqual([]);
  });

  test('that fails for no known reason, or cannot be logged, is told to the log and to nobody else', async () => {
    give(
      engineThat(() => Promise.reject(new Error('a defect'))),
      [1],
      [2],
    );
    await until('the warning', () => warned.length === 1);
    appendFails = true;
    give(doubling, [1], [2]);
    await until('the second warning', () => warned.length === 2);
    expect(logged).toEqual([]);
  });

  test('is let go where 64 are under way, and taken again when they have ended', async () => {
    let release = () => {};
    const gate = new Promise<void>((resolve) => {
      release = resolve;
    });
    let begun = 0;
    const hanging = engineThat(async () => {
      begun++;
      await gate;
      throw new ModelYardError('TIMEOUT', 'too late', 'again');
    });
    for (let call = 0; call < 70; call++) give(hanging, [1], [2]);
    await until('the calls', () => begun === 64);
    release();
    await until('their entries', () => logged.length === 64);
    give(doubling, [1], [2]);
    await until('one more', () => logged.length === 65);
    expect(begun).toBe(64);
  });
});

test.each([
  ['numbers within 1 %', 100, 100.9, true],
  ['numbers further apart', 100, 102, false],
  ['numbers near zero', 0, 1e-7, true],
  ['texts', 'a', 'a', true],
  ['other texts', 'a', 'b', false],
  ['a text and its number', '1', 1, false],
  ['arrays item by item', [1, [2, 'x']], [1.001, [2, 'x']], true],
  ['arrays of other lengths', [1], [1, 2], false],
  ['an array and a number', [1], 1, false],
  ['missing values', null, null, true],
  ['a missing value and a number', null, 0, false],
])('agreement: %s', (_, a, b, expected) => {
  expect(agree(a, b, false)).toBe(expected);
  expect(agree(b, a, false)).toBe(expected);
});

test('numbers that name classes agree only when they are equal', () => {
  expect(agree(200, 201, true)).toBe(false);
  expect(agree(200, 200, true)).toBe(true);
  expect(agree([200, 7], [201, 7], true)).toBe(false);
});
