import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { describeModel } from '../../src/registry/describe.ts';
import type { ModelInspector } from '../../src/registry/model_inspector.ts';
import { registerVersion } from '../../src/registry/register.ts';
import type { Registration } from '../../src/registry/registration.ts';
import { createEngine } from '../../src/serving/engine/engine.ts';
import { artifactStore } from '../../src/storage/artifact_store.ts';
import type { Database } from '../../src/storage/database.ts';
import { callBy } from '../access/origins.ts';
import { modelFile } from '../models/model_file.ts';
import { describeOnEachDatabase } from '../storage/databases.ts';
import { temporaryDirectory } from '../temporary.ts';

const directory = temporaryDirectory();
const artifacts = artifactStore(directory, 1e6);
const engine = createEngine({
  withFile: artifacts.withFile,
  loadTimeoutMs: 30_000,
  runTimeoutMs: 30_000,
  threads: 1,
});
afterAll(engine.close);

const now = Date.UTC(2026, 0, 31);
const allowedRoots = [modelFile('').replace(/[^/\\]*$/, ''), directory];

describeOnEachDatabase('registerVersion', (store) => {
  let database: Database;
  beforeAll(async () => {
    ({ database } = await store.open());
  });

  const registering = (
    registration: Registration,
    { inspector = engine as ModelInspector, by = database } = {},
  ) =>
    registerVersion(
      { database: by, artifacts, inspector, allowedRoots, clock: () => now },
      registration,
      callBy('operator'),
    );
  const linear = (facts: Partial<Registration>): Registration => ({
    modelId: 'linear',
    version: '1',
    source: modelFile('linear_float32'),
    ...facts,
  });

  test('keeps every fact of a new version, in stage development', async () => {
    const facts = {
      framework: 'scikit-learn',
      algorithm: 'linear',
      hyperparameters: { alpha: 0.5, nested: { list: [1, null] } },
      description: 'Ünïcode – and "quotes"',
      author: 'ana@example.org',
    };
    const metrics = { mae: 0.25, 'r 2': -1e-300 };
    const tags = { team: 'risk', ['__proto__']: 'kept' };
    const { record, created } = await registering(
      linear({ modelId: 'facts', featureNames: ['a', 'b', 'c'], metrics, tags, ...facts }),
    );
    expect(created).toBe(true);
    expect(record).toMatchObject({
      ...facts,
      modelId: 'facts',
      version: '1',
      stage: 'development',
      createdAt: now,
      createdBy: 'operator',
      source: modelFile('linear_float32'),
      classLabels: undefined,
      producer: 'modelyard-test',
      opsets: { '': 18 },
      updatedAt: null,
      updatedBy: null,
      warnings: [],
    });
    expect(record.signature).toMatchObject({
      inputs: [{ name: 'x', datatype: 'FP32', shape: [-1, 3] }],
      outputs: [{ name: 'y', datatype: 'FP32', shape: [-1, 1] }],
      features: ['a', 'b', 'c'].map((name, column) => ({ name, datatype: 'FP32', input: 'x', column })),
    });
    await artifacts.verify(record.artifact);
    const described = await describeModel(database, 'facts', { limit: 10 });
    expect(described.versions).toEqual([
      { record, metrics, tags, aliases: [], deployedAt: undefined, parents: [] },
    ]);
  });

  test('changes nothing when the same is registered again', async () => {
    const first = await registering(linear({ modelId: 'again', featureNames: ['a', 'b', 'c'] }));
    const again = await registering(linear({ modelId: 'again', description: 'another' }));
    expect(again).toEqual({ record: first.record, created: false });
  });

  test('never changes the bytes, feature names or class labels of a version', async () => {
    const source = modelFile('classifier_int');
    const classLabels = ['a', 'b', 'c'];
    await registering(linear({ modelId: 'fixed', source, classLabels }));
    for (const [difference, message] of [
      [{ source: modelFile('linear_float32') }, /other bytes/],
      [{ featureNames: ['p', 'q', 'r', 's'] }, /other feature_names/],
      [{ classLabels: ['a', 'c', 'b'] }, /other class_labels/],
    ] as const)
      await expect(
        registering(
          linear({ modelId: 'fixed', source, classLabels, ...difference } as Partial<Registration>),
        ),
      ).rejects.toMatchObject({ code: 'VERSION_EXISTS', message: expect.stringMatching(message) });
  });

  test('gives the record of the one who was faster, when two register the same', async () => {
    const other = await store.open();
    const winning = linear({ modelId: 'race' });
    // The other server registers it between this one's look and its write.
    const inspector: ModelInspector = {
      ...engine,
      async inspect(artifact) {
        expect((await registering(winning, { by: other.database })).created).toBe(true);
        return engine.inspect(artifact);
      },
    };
    const { record, created } = await registering(winning, { inspector });
    expect(created).toBe(false);
    const described = await describeModel(database, 'race', { limit: 10 });
    expect(described.versions.map((version) => version.record)).toEqual([record]);
  });

  test('refuses the slower one, when two register other bytes under one version', async () => {
    const inspector: ModelInspector = {
      ...engine,
      async inspect(artifact) {
        await registering(linear({ modelId: 'clash', source: modelFile('linear_float32_b') }));
        return engine.inspect(artifact);
      },
    };
    await expect(registering(linear({ modelId: 'clash' }), { inspector })).rejects.toMatchObject({
      code: 'VERSION_EXISTS',
    });
  });

  test('knows the parent of a version', async () => {
    await registering(linear({ modelId: 'family' }));
    await registering(linear({ modelId: 'family', version: '2', parentVersion: '1' }));
    const { lineage } = await describeModel(database, 'family', { limit: 10 });
    expect(lineage).toEqual([{ parent: '1', child: '2', parentDeleted: false }]);
    for (const parentVersion of ['3', '9'])
      await expect(
        registering(linear({ modelId: 'family', version: '3', parentVersion })),
      ).rejects.toMatchObject({ code: 'VERSION_NOT_FOUND' });
  });

  test.each<[string, Partial<Registration>, string]>([
    ['a file that is no model', { source: modelFile('text') }, 'ARTIFACT_INVALID'],
    ['half a model', { source: modelFile('truncated') }, 'ARTIFACT_INVALID'],
    ['an empty file', { source: modelFile('zero_bytes') }, 'ARTIFACT_INVALID'],
    ['too few feature names', { featureNames: ['a'] }, 'SIGNATURE_MISMATCH'],
    ['a class twice', { classLabels: ['a', 'a'] }, 'SIGNATURE_MISMATCH'],
    [
      'two labels for three classes',
      { source: modelFile('classifier_int'), classLabels: ['a', 'b'] },
      'SIGNATURE_MISMATCH',
    ],
    ['a file outside the allowed directories', { source: process.execPath }, 'PATH_NOT_ALLOWED'],
    ['a file that is not there', { source: modelFile('no_such') }, 'INVALID_INPUT'],
    ['a URL', { source: 'https://example.org/model.onnx' }, 'INVALID_INPUT'],
    ['a run of MLflow', { source: 'runs:/abc/model' }, 'MLFLOW_UNAVAILABLE'],
  ])('refuses %s and leaves no trace', async (_, facts, code) => {
    await expect(registering(linear({ modelId: 'refused', ...facts }))).rejects.toMatchObject({ code });
    await expect(describeModel(database, 'refused', { limit: 1 })).rejects.toMatchObject({
      code: 'MODEL_NOT_FOUND',
    });
  });

  test('refuses a file above the limit', async () => {
    const source = join(directory, 'large.onnx');
    writeFileSync(source, Buffer.alloc(1_000_001));
    await expect(registering(linear({ modelId: 'large', source }))).rejects.toMatchObject({
      code: 'LIMIT_EXCEEDED',
    });
  });
});
