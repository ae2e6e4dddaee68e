import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { describeModel } from '../../src/registry/describe.ts';
import { findVersion, requireModel } from '../../src/registry/lookup.ts';
import { openDatabase } from '../../src/storage/database.ts';
import { temporaryDirectory } from '../temporary.ts';
import { seeder } from './seed.ts';

const directory = temporaryDirectory();
const { database, close } = await openDatabase({ directory });
afterAll(close);
const seed = seeder(database, directory);

test('in an empty registry there is nothing to suggest but to register', async () => {
  await expect(requireModel(database, 'churn')).rejects.toMatchObject({
    code: 'MODEL_NOT_FOUND',
    hint: 'No model is registered yet: call deploy_model or register_model with a source.',
  });
});

describe('with models and versions', () => {
  beforeAll(async () => {
    for (const version of ['2025.1', '2025.2']) await seed({ modelId: 'churn-model', version });
    await seed({ modelId: 'fraud', version: '1', parentVersion: undefined });
    await seed({ modelId: 'fraud', version: '2', parentVersion: '1', tags: { team: 'risk' } });
    await seed({ modelId: 'fraud', version: '3', parentVersion: '2' });
  });

  test('what exists is found', async () => {
    expect(await findVersion(database, 'churn-model', '2025.2')).toMatchObject({
      modelId: 'churn-model',
      version: '2025.2',
    });
    await requireModel(database, 'fraud');
  });

  test('a misspelt model is answered with the nearest name and all that exist', async () => {
    await expect(requireModel(database, 'churn_model')).rejects.toMatchObject({
      code: 'MODEL_NOT_FOUND',
      hint: 'Did you mean churn-model? Existing models: fraud, churn-model.',
    });
  });

  test('a name that is like none suggests none', async () => {
    await expect(requireModel(database, 'something-else')).rejects.toMatchObject({
      hint: 'Existing models: fraud, churn-model.',
    });
  });

  test('an unknown version is told from an unknown model', async () => {
    await expect(findVersion(database, 'churn-model', '2025.3')).rejects.toMatchObject({
      code: 'VERSION_NOT_FOUND',
      message: 'churn-model has no version 2025.3.',
      hint: expect.stringMatching(/^Did you mean 2025\.[12]\? Existing versions: 2025\.2, 2025\.1\.$/),
    });
    await expect(findVersion(database, 'frodd', '1')).rejects.toMatchObject({ code: 'MODEL_NOT_FOUND' });
  });

  test('at most ten are listed', async () => {
    for (let version = 1; version <= 11; version++) await seed({ modelId: 'many', version: `v${version}` });
    await expect(findVersion(database, 'many', 'none-of-them')).rejects.toMatchObject({
      hint: 'Existing versions: v11, v10, v9, v8, v7, v6, v5, v4, v3, v2, … (search_models lists all).',
    });
  });

  test('a model is described with its newest versions, lineage and totals', async () => {
    const described = await describeModel(database, 'fraud', { limit: 2 });
    expect(described).toMatchObject({
      totalVersions: 3,
      stageHistory: [],
      lineage: [
        { parent: '1', child: '2', parentDeleted: false },
        { parent: '2', child: '3', parentDeleted: false },
      ],
    });
    expect(described.versions.map(({ record, tags }) => [record.version, tags])).toEqual([
      ['3', {}],
      ['2', { team: 'risk' }],
    ]);
  });

  test('a model is described by one version or one stage', async () => {
    const one = await describeModel(database, 'fraud', { version: '1', limit: 10 });
    expect([one.totalVersions, one.versions.map(({ record }) => record.version)]).toEqual([1, ['1']]);
    const staged = await describeModel(database, 'fraud', { stage: 'staging', limit: 10 });
    expect([staged.totalVersions, staged.versions]).toEqual([0, []]);
    await expect(describeModel(database, 'fraud', { version: '9', limit: 10 })).rejects.toMatchObject({
      code: 'VERSION_NOT_FOUND',
    });
  });
});
