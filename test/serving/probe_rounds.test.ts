import { afterAll, beforeAll, expect, test } from 'vitest';
import { registerVersion } from '../../src/registry/register.ts';
import { engineModel } from '../../src/serving/deployed_version.ts';
import { createEngine } from '../../src/serving/engine/engine.ts';
import { probeLoadedVersions } from '../../src/serving/probe_rounds.ts';
import { servedModels } from '../../src/serving/served_models.ts';
import { artifactStore } from '../../src/storage/artifact_store.ts';
import { openDatabase } from '../../src/storage/database.ts';
import { callBy } from '../access/origins.ts';
import { modelFile } from '../models/model_file.ts';
import { deployRow } from '../registry/seed.ts';
import { temporaryDirectory } from '../temporary.ts';

const directory = temporaryDirectory();
const { database, close } = await openDatabase({ directory });
const artifacts = artifactStore(directory, 1e9);
const engine = createEngine({
  withFile: artifacts.withFile,
  loadTimeoutMs: 30_000,
  runTimeoutMs: 30_000,
  threads: 1,
});
afterAll(async () => {
  engine.close();
  await close();
});

let now = 1000;
const warned: unknown[] = [];
const logger = {
  error: () => undefined,
  warn: (message: string, fields?: Record<string, unknown>) => {
    warned.push([message, fields]);
  },
  info: () => undefined,
  debug: () => undefined,
  close: async () => undefined,
};
const round = () => probeLoadedVersions({ database, engine, clock: () => now, logger });
const outcome = (version: string) =>
  database
    .selectFrom('deployments')
    .select(['probed_at', 'probe_failure'])
    .where('version', '=', version)
    .executeTakeFirstOrThrow();
const store = (version: string, probe: unknown) =>
  database
    .updateTable('deployments')
    .set({ probe: typeof probe === 'string' ? probe : JSON.stringify(probe) })
    .where('version', '=', version)
    .execute();

const right = { inputs: [{ x: 3 }, { x: 42.9 }], expect: [6, 84], tolerance: 0 };

beforeAll(async () => {
  for (const version of ['loaded', 'resting', 'unprobed']) {
    await registerVersion(
      {
        database,
        artifacts,
        allowedRoots: [modelFile('fails_run').replace(/[^/\\]+$/, '')],
        clock: () => now,
        inspector: engine,
      },
      { modelId: 'm', version, source: modelFile('fails_run') },
      callBy('operator'),
    );
    await database.insertInto('deployments').values(deployRow('m', version)).execute();
  }
  const model = await servedModels(database, 1000).read('m');
  for (const version of ['loaded', 'unprobed']) {
    const found = model.versions.get(version);
    if (found !== undefined) await engine.load(engineModel(found.record, 1));
  }
  for (const version of ['loaded', 'resting']) await store(version, right);
});

test('a version that is loaded is probed; one that is not is left alone, and so is one without a probe', async () => {
  await round();
  expect(await outcome('loaded')).toEqual({ probed_at: 1000, probe_failure: null });
  expect(await outcome('resting')).toEqual({ probed_at: null, probe_failure: null });
  expect(await outcome('unprobed')).toEqual({ probed_at: null, probe_failure: null });
  expect(engine.status('m@resting').state).toBe('not_loaded');
  expect(warned).toEqual([]);
});

test.each([
  ['another value', { ...right, expect: [6, 85] }, /row 1 gave 84, but 85 was expected/],
  ['a run that fails', { ...right, inputs: [{ x: 3 }, { x: 101 }] }, /could not run on these inputs/],
  ['features that the model does not have', { inputs: [{ z: 1 }], tolerance: 0 }, /\bz\b/],
  ['a probe that cannot be read', 'no JSON', /JSON/],
])('a probe that fails by %s is kept with why, until it passes', async (_, probe, failure) => {
  now += 1000;
  await store('loaded', probe);
  await round();
  expect(await outcome('loaded')).toEqual({
    probed_at: now,
    probe_failure: expect.stringMatching(failure),
  });
  expect(warned.splice(0)).toEqual([
    ['a probe failed', { model_id: 'm', version: 'loaded', failure: expect.stringMatching(failure) }],
  ]);
  now += 1000;
  await store('loaded', right);
  await round();
  expect(await outcome('loaded')).toEqual({ probed_at: now, probe_failure: null });
});
