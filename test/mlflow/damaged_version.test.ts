import { beforeAll, expect, test } from 'vitest';
import { planSync } from '../../src/mlflow/plan_sync.ts';
import { readRegistryModel } from '../../src/mlflow/registry_state.ts';
import { rememberVersion } from '../../src/mlflow/version_map.ts';
import { moveStage } from '../../src/registry/move_stage.ts';
import type { Database } from '../../src/storage/database.ts';
import { seeder } from '../registry/seed.ts';
import { describeOnEachDatabase } from '../storage/databases.ts';
import { withoutTriggers } from '../storage/triggers.ts';
import { temporaryDirectory } from '../temporary.ts';

describeOnEachDatabase('a model of which one version is damaged', (store) => {
  let database: Database;
  beforeAll(async () => {
    ({ database } = await store.open());
    const seed = seeder(database, temporaryDirectory());
    for (const version of ['1', '2']) await seed({ modelId: 'm', version });
    const step = {
      modelId: 'm',
      version: '1',
      kind: 'promotion',
      forced: false,
      by: 'x',
      reason: null,
    } as const;
    await database.transaction().execute(async (transaction) => {
      await moveStage(transaction, { ...step, at: 1, from: 'development', to: 'staging' });
      await moveStage(transaction, { ...step, at: 2, from: 'staging', to: 'production' });
    });
    for (const [at, version] of ['1', '2'].entries())
      await rememberVersion(
        database,
        { modelId: 'm', version },
        { number: at + 7, runId: `run ${version}` },
        0,
      );
    await withoutTriggers({ database, kind: store.kind }, 'versions', () =>
      database.updateTable('versions').set({ signature: '{' }).where('version', '=', '1').execute(),
    );
  });

  test('is read with its other versions, and names the damaged one', async () => {
    const model = await readRegistryModel(database, 'm');
    expect(model?.versions.map(({ record }) => record.version)).toEqual(['2']);
    expect(model?.damaged).toEqual([
      { version: '1', why: expect.stringMatching(/of m 1 is damaged: signature .*modelyard verify/) },
    ]);
    expect(model?.deleted).toEqual([]);
    expect(model?.aliases.get('production')).toBe('1');
  });

  test('changes nothing in MLflow of the damaged one', async () => {
    const model = await readRegistryModel(database, 'm');
    if (model === undefined) throw new Error('no model');
    const there = (version: number) => ({
      version,
      name: 'm',
      run_id: '',
      status: 'READY',
      source: '',
      description: '',
      current_stage: 'None',
      tags: new Map<string, string>(),
    });
    const { steps } = planSync(
      model,
      {
        model: { name: 'm', description: '', tags: new Map(), aliases: new Map([['production', 7]]) },
        versions: [there(7), there(8)],
      },
      new Map([['alias production', { agreed: '7', sent: [] }]]),
      { storeId: 'store', useStages: true, settled: true },
    );
    expect(steps.filter((step) => 'number' in step && step.number === 7)).toEqual([]);
    expect(steps.filter((step) => step.kind === 'alias').map(({ alias }) => alias)).toEqual([]);
    expect(steps.some((step) => 'number' in step && step.number === 8)).toBe(true);
  });
});
