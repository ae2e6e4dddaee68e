import { writeFileSync } from 'node:fs';
import { beforeAll, expect, test } from 'vitest';
import { writeGatePolicies } from '../../src/registry/gate_policy.ts';
import { promoteVersion } from '../../src/registry/promote.ts';
import { type Rollback, rollbackModel } from '../../src/registry/rollback.ts';
import type { StageDependencies } from '../../src/registry/stage_change.ts';
import { activateVersion, readRoute } from '../../src/serving/stored_route.ts';
import { artifactStore } from '../../src/storage/artifact_store.ts';
import type { Database } from '../../src/storage/database.ts';
import { freely } from '../access/approvers.ts';
import { callBy } from '../access/origins.ts';
import { describeOnEachDatabase } from '../storage/databases.ts';
import { artifactEvidence } from './evidence.ts';
import { deployRow, seeder } from './seed.ts';

const operator = callBy('operator');

describeOnEachDatabase('rollbackModel', (store) => {
  const artifacts = artifactStore(store.address.directory, 1e9);
  let database: Database;
  let seed: ReturnType<typeof seeder>;
  let stages: StageDependencies;
  beforeAll(async () => {
    ({ database } = await store.open());
    seed = seeder(database, store.address.directory);
    stages = {
      database,
      evidence: artifactEvidence(artifacts),
      clock: () => 7,
      deployer: {
        async prepare({ modelId, version }) {
          await database
            .insertInto('deployments')
            .values(deployRow(modelId, version))
            .onConflict((conflict) => conflict.doNothing())
            .execute();
        },
        activate: activateVersion,
      },
    };
  });

  const promote = (modelId: string, version: string, activate = true) =>
    promoteVersion(
      stages,
      { modelId, version, targetStage: 'production', dryRun: false, force: false, activate },
      operator,
      freely,
    );
  const back = (modelId: string, more: Partial<Rollback> = {}, dependencies = stages) =>
    rollbackModel(dependencies, { modelId, reason: 'it is bad', dryRun: false, ...more }, operator, freely);
  const state = async (modelId: string) => {
    const versions = await database
      .selectFrom('versions')
      .select(['version', 'stage'])
      .where('model_id', '=', modelId)
      .orderBy('version')
      .execute();
    const route = await readRoute(database, modelId);
    return [
      Object.fromEntries(versions.map(({ version, stage }) => [version, stage])),
      route?.activeVersion,
    ] as const;
  };
  /** Versions 1, 2 and 3, each promoted after the other. */
  const threeInARow = async (modelId: string, activate = true) => {
    for (const version of ['1', '2', '3']) {
      await seed({ modelId, version });
      await promote(modelId, version, activate);
    }
  };

  test('takes stage and traffic one version back, and again one', async () => {
    await threeInARow('again');
    expect(await back('again')).toMatchObject({
      fromVersion: '3',
      toVersion: '2',
      applied: true,
      previousActive: '3',
      undo: 'Call rollback_model with {"model_id":"again","to_version":"3","reason":"taken back"}.',
      warnings: [],
    });
    expect(await state('again')).toEqual([{ 1: 'archived', 2: 'production', 3: 'archived' }, '2']);
    expect(await back('again')).toMatchObject({ fromVersion: '2', toVersion: '1' });
    expect(await state('again')).toEqual([{ 1: 'production', 2: 'archived', 3: 'archived' }, '1']);
    await expect(back('again')).rejects.toMatchObject({
      code: 'ILLEGAL_TRANSITION',
      message: expect.stringContaining('no earlier version'),
    });
  });

  test('goes to the version that is named, forward too, if it was ever in production', async () => {
    await threeInARow('named');
    await back('named', { toVersion: '1' });
    expect(await state('named')).toEqual([{ 1: 'production', 2: 'archived', 3: 'archived' }, '1']);
    await back('named', { toVersion: '3' });
    expect(await state('named')).toEqual([{ 1: 'archived', 2: 'archived', 3: 'production' }, '3']);
    await expect(back('named', { toVersion: '3' })).rejects.toMatchObject({ code: 'ILLEGAL_TRANSITION' });
    await seed({ modelId: 'named', version: '4' });
    await expect(back('named', { toVersion: '4' })).rejects.toMatchObject({
      message: expect.stringContaining('never been in production'),
    });
    await expect(back('named', { toVersion: '9' })).rejects.toMatchObject({ code: 'VERSION_NOT_FOUND' });
  });

  test('fills a production that is vacant with the last version that was there', async () => {
    await threeInARow('vacant');
    await promoteVersion(
      stages,
      {
        modelId: 'vacant',
        version: '3',
        targetStage: 'archived',
        dryRun: false,
        force: false,
        activate: false,
      },
      operator,
      freely,
    );
    expect(await back('vacant')).toMatchObject({ fromVersion: null, toVersion: '3' });
  });

  test('moves no traffic where there is none', async () => {
    await threeInARow('unserved', false);
    expect(await back('unserved')).toMatchObject({ previousActive: null, applied: true });
    expect(await state('unserved')).toEqual([{ 1: 'archived', 2: 'production', 3: 'archived' }, undefined]);
  });

  test('writes who, when and why of both versions', async () => {
    await threeInARow('written');
    const { transitionId } = await back('written');
    const history = await database
      .selectFrom('stage_transitions')
      .selectAll()
      .where('model_id', '=', 'written')
      .where('kind', '=', 'rollback')
      .orderBy('transition_id')
      .execute();
    expect(history).toEqual([
      expect.objectContaining({
        version: '3',
        from_stage: 'production',
        to_stage: 'archived',
        at: 7,
        by: 'operator',
        reason: 'rolled back to 2: it is bad',
        sequence: 2,
      }),
      expect.objectContaining({
        transition_id: transitionId,
        version: '2',
        from_stage: 'archived',
        to_stage: 'production',
        reason: 'it is bad',
        sequence: 3,
      }),
    ]);
  });

  test('shows in a dry run where it would go, and changes nothing', async () => {
    await threeInARow('dry');
    const before = await state('dry');
    expect(await back('dry', { dryRun: true })).toMatchObject({
      fromVersion: '3',
      toVersion: '2',
      applied: false,
      transitionId: null,
      undo: 'Afterwards rollback_model with {"model_id":"dry","to_version":"3","reason":"taken back"} would take it back.',
      preview: {
        wouldApply: true,
        wouldArchive: ['3'],
        sentence: expect.stringMatching(/^Would be done: dry would go back to 2/),
      },
    });
    expect(await state('dry')).toEqual(before);
  });

  test('changes nothing when the version does not load, its bytes are damaged or nobody agrees', async () => {
    await threeInARow('firm');
    const before = await state('firm');
    const prepare = () => Promise.reject(new Error('it does not load'));
    await expect(back('firm', {}, { ...stages, deployer: { ...stages.deployer, prepare } })).rejects.toThrow(
      'it does not load',
    );
    const refuse = () => Promise.reject(new Error('no'));
    await expect(
      rollbackModel(stages, { modelId: 'firm', reason: 'r', dryRun: false }, operator, {
        ...freely,
        obtain: refuse,
      }),
    ).rejects.toThrow('no');
    const { artifact } = await seed({ modelId: 'firm', version: '2' });
    writeFileSync(artifacts.pathOf(artifact.sha256), 'evil');
    await expect(back('firm')).rejects.toMatchObject({ code: 'ARTIFACT_MISMATCH' });
    expect(await state('firm')).toEqual(before);
  });

  test('of a change that was planned on what is no longer so is planned again', async () => {
    await threeInARow('moving');
    let asked = 0;
    const outcome = await rollbackModel(stages, { modelId: 'moving', reason: 'r', dryRun: false }, operator, {
      ...freely,
      // While the person thinks, somebody else rolls back.
      async obtain() {
        if (asked++ === 0) await back('moving');
        return { by: 'somebody', use: async () => undefined };
      },
    });
    expect(asked).toBe(2);
    expect(outcome).toMatchObject({ fromVersion: '2', toVersion: '1' });
  });

  test('a promotion, too, is judged again when its policy or metrics change under it', async () => {
    const modelId = 'judged';
    await seed({ modelId, version: '1', metrics: { accuracy: 0.9 } });
    const tighten = () =>
      database
        .transaction()
        .execute((transaction) =>
          writeGatePolicies(
            transaction,
            modelId,
            { production: { min_metrics: { accuracy: 0.95 } } },
            1,
            'operator',
          ),
        );
    await expect(
      promoteVersion(
        stages,
        { modelId, version: '1', targetStage: 'production', dryRun: false, force: false, activate: false },
        operator,
        {
          ...freely,
          async obtain() {
            await tighten();
            return { by: null, use: async () => undefined };
          },
        },
      ),
    ).rejects.toMatchObject({
      code: 'GATE_FAILED',
      message: expect.stringContaining('min_metric:accuracy'),
    });
  });
});
