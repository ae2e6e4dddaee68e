import { utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { type Deletion, deleteVersions } from '../../src/registry/delete.ts';
import { artifactStore } from '../../src/storage/artifact_store.ts';
import type { Database } from '../../src/storage/database.ts';
import { freely } from '../access/approvers.ts';
import { callBy } from '../access/origins.ts';
import { describeOnEachDatabase } from '../storage/databases.ts';
import { deployRow, moveTo, seeder } from './seed.ts';

const admin = callBy('admin');

describeOnEachDatabase('deleteVersions', (store) => {
  const { directory } = store.address;
  const artifacts = artifactStore(directory, 1e9);
  let database: Database;
  let seed: ReturnType<typeof seeder>;
  beforeAll(async () => {
    ({ database } = await store.open());
    seed = seeder(database, directory);
  });

  const remove = (modelId: string, version?: string, more: Partial<Deletion> = {}) =>
    deleteVersions(
      { database, artifacts, clock: Date.now },
      { modelId, version, dryRun: false, ...more },
      admin,
      freely,
    );
  const versionsOf = async (modelId: string) =>
    (
      await database
        .selectFrom('versions')
        .select('version')
        .where('model_id', '=', modelId)
        .orderBy('version')
        .execute()
    ).map(({ version }) => version);

  test('removes an archived version with its records and bytes; the history stays', async () => {
    const { artifact, number } = await seed({
      modelId: 'one',
      version: '1',
      metrics: { auc: 1 },
      tags: { a: 'b' },
    });
    await seed({ modelId: 'one', version: '2', parentVersion: '1' });
    await moveTo(database, 'one', '1', 'archived');
    await database
      .insertInto('aliases')
      .values({ model_id: 'one', alias: 'old', version: '1', changed_at: 1, changed_by: 'operator' })
      .execute();
    expect(await remove('one', '1')).toMatchObject({
      versions: ['1'],
      applied: true,
      bytesFreed: artifact.bytes,
      effects: expect.arrayContaining([expect.stringContaining('aliases go: old')]),
    });
    expect(await versionsOf('one')).toEqual(['2']);
    expect(await artifacts.isPresent(artifact)).toBe(false);
    const history = await database
      .selectFrom('stage_transitions')
      .select('to_stage')
      .where('model_id', '=', 'one')
      .execute();
    expect(history).toEqual([{ to_stage: 'archived' }]);
    for (const table of ['version_metrics', 'version_tags'] as const)
      expect(await database.selectFrom(table).selectAll().where('number', '=', number).execute()).toEqual([]);
    expect(await database.selectFrom('aliases').selectAll().where('model_id', '=', 'one').execute()).toEqual(
      [],
    );
    // Its child remembers where it came from.
    expect(
      await database.selectFrom('version_parents').selectAll().where('model_id', '=', 'one').execute(),
    ).toHaveLength(1);
    await expect(remove('one', '1')).rejects.toMatchObject({ code: 'VERSION_NOT_FOUND' });
  });

  test('keeps the bytes that another version has', async () => {
    const { artifact } = await seed({ modelId: 'shared', version: '1' });
    await seed({ modelId: 'shared', version: '2' });
    await database
      .updateTable('versions')
      .set({ artifact_sha256: artifact.sha256 })
      .where('model_id', '=', 'shared')
      .execute();
    await moveTo(database, 'shared', '1', 'archived');
    expect(await remove('shared', '1')).toMatchObject({ bytesFreed: 0 });
    expect(await artifacts.isPresent(artifact)).toBe(true);
  });

  test('removes a model with all versions, and the names are never given again', async () => {
    for (const version of ['1', '2']) {
      await seed({ modelId: 'whole', version });
      await moveTo(database, 'whole', version, 'archived');
    }
    expect(await remove('whole')).toMatchObject({ versions: ['1', '2'], applied: true });
    await expect(remove('whole')).rejects.toMatchObject({ code: 'MODEL_NOT_FOUND' });
    await seed({ modelId: 'whole', version: '3' });
    // The history of the name goes on above the old one.
    await moveTo(database, 'whole', '3', 'staging');
    const history = await database
      .selectFrom('stage_transitions')
      .select(['version', 'revision'])
      .where('model_id', '=', 'whole')
      .orderBy('revision', 'desc')
      .execute();
    expect(history[0]?.version).toBe('3');
  });

  test('refuses what is not archived, or still deployed', async () => {
    await seed({ modelId: 'alive', version: '1' });
    await expect(remove('alive', '1')).rejects.toMatchObject({
      code: 'ILLEGAL_TRANSITION',
      message: expect.stringContaining('1 is in development'),
    });
    await moveTo(database, 'alive', '1', 'archived');
    await database.insertInto('deployments').values(deployRow('alive', '1')).execute();
    await expect(remove('alive', '1')).rejects.toMatchObject({
      code: 'ILLEGAL_TRANSITION',
      hint: 'Call retire_model first.',
    });
    expect(await versionsOf('alive')).toEqual(['1']);
  });

  test('shows in a dry run what would go, with the token that confirms it', async () => {
    await seed({ modelId: 'shown', version: '1' });
    await moveTo(database, 'shown', '1', 'archived');
    expect(await remove('shown', '1', { dryRun: true })).toMatchObject({
      versions: ['1'],
      applied: false,
      confirm: { token: 'token' },
      effects: [
        expect.stringContaining('Version 1 of model shown would be deleted for good'),
        ...Array(2).fill(expect.stringContaining(' would ')),
      ],
    });
    expect(await versionsOf('shown')).toEqual(['1']);
  });

  test('deletes nothing when nobody agrees', async () => {
    await seed({ modelId: 'asked', version: '1' });
    await moveTo(database, 'asked', '1', 'archived');
    const plans: unknown[] = [];
    await expect(
      deleteVersions(
        { database, artifacts, clock: Date.now },
        { modelId: 'asked', version: '1', dryRun: false, confirm: 'given' },
        admin,
        {
          ...freely,
          obtain(plan, confirm) {
            plans.push([plan.change.deletes, confirm]);
            return Promise.reject(new Error('no'));
          },
        },
      ),
    ).rejects.toThrow('no');
    expect(plans).toEqual([[true, 'given']]);
    expect(await versionsOf('asked')).toEqual(['1']);
  });

  test('removes the bytes that it released, and no file that this database does not know', async () => {
    const others = async (content: string) => {
      const file = join(directory, `${content}.bin`);
      writeFileSync(file, content);
      const artifact = await artifacts.add(file);
      const longAgo = (Date.now() - 2 * 3_600_000) / 1000;
      utimesSync(artifacts.pathOf(artifact.sha256), longAgo, longAgo);
      return artifact;
    };
    const unknown = [await others('of another store'), await others('of a third')];
    const released = await seed({ modelId: 'broom', version: '1' });
    const shared = await seed({ modelId: 'broom', version: '2' });
    await moveTo(database, 'broom', '1', 'archived');
    const { bytesFreed } = await remove('broom', '1');
    for (const artifact of unknown) expect(await artifacts.isPresent(artifact)).toBe(true);
    expect(await artifacts.isPresent(shared.artifact)).toBe(true);
    expect(await artifacts.isPresent(released.artifact)).toBe(false);
    expect(bytesFreed).toBe(released.artifact.bytes);
  });
});
