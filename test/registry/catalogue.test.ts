import { beforeAll, describe, expect, test } from 'vitest';
import { describeModel } from '../../src/registry/describe.ts';
import { findVersion } from '../../src/registry/lookup.ts';
import { searchVersions } from '../../src/registry/search.ts';
import { type ModelUpdate, updateModel } from '../../src/registry/update.ts';
import type { Database } from '../../src/storage/database.ts';
import { callBy } from '../access/origins.ts';
import { describeOnEachDatabase } from '../storage/databases.ts';
import { seeder } from './seed.ts';

const now = Date.UTC(2026, 5, 1);

describeOnEachDatabase('the catalogue', (store) => {
  let database: Database;
  let other: Database;
  let seed: ReturnType<typeof seeder>;

  const update = (modelId: string, facts: Omit<ModelUpdate, 'modelId'>, by = database) =>
    updateModel({ database: by, clock: () => now }, { modelId, ...facts }, callBy('operator'));
  const trail = async (modelId: string) => {
    const entries = await database
      .selectFrom('audit_entries')
      .select(['before', 'after', 'version'])
      .where('model_id', '=', modelId)
      .orderBy('sequence')
      .execute();
    return entries.map(({ before, after, version }) => [
      version,
      before === null ? null : JSON.parse(before),
      after === null ? null : JSON.parse(after),
    ]);
  };
  const only = async (modelId: string, version: string) => {
    const [found] = (await describeModel(database, modelId, { version, limit: 1 })).versions;
    if (found === undefined) throw new Error(`${modelId} ${version} is not there`);
    return found;
  };

  beforeAll(async () => {
    ({ database } = await store.open());
    // Two handles of SQLite in one process would wait for each other in its one thread.
    other = store.kind === 'sqlite' ? database : (await store.open()).database;
    seed = seeder(database, store.address.directory);
  });

  describe('an update', () => {
    test('changes what is given, leaves the rest, and says what was and is', async () => {
      const facts = {
        framework: 'PyTorch',
        tags: { team: 'risk', tier: 'gold' },
        metrics: { auc: 0.7, f1: 0.6 },
      };
      await seed({ modelId: 'edit', version: '1', hyperparameters: { depth: 3 }, ...facts });
      const { version, changed } = await update('edit', {
        version: '1',
        description: 'better',
        framework: null,
        tags: { team: 'growth', tier: null, none: null },
        metrics: { auc: 0.8, f1: 0.6 },
        hyperparameters: { depth: 4 },
      });
      const expected = [
        ['description', null, 'better'],
        ['framework', 'PyTorch', null],
        ['hyperparameters', { depth: 3 }, { depth: 4 }],
        ['tags.team', 'risk', 'growth'],
        ['tags.tier', 'gold', null],
        ['metrics.auc', 0.7, 0.8],
      ];
      expect([version, changed.map(({ field, before, after }) => [field, before, after])]).toEqual([
        '1',
        expected,
      ]);
      expect(await only('edit', '1')).toMatchObject({
        record: {
          description: 'better',
          framework: null,
          hyperparameters: { depth: 4 },
          updatedAt: now,
          updatedBy: 'operator',
        },
        tags: { team: 'growth' },
        metrics: { auc: 0.8, f1: 0.6 },
      });
      expect((await trail('edit')).at(-1)).toEqual([
        '1',
        Object.fromEntries(expected.map(([field, before]) => [field, before])),
        Object.fromEntries(expected.map(([field, , after]) => [field, after])),
      ]);
    });

    test('is found by search from then on, by what it says now and not by what it said', async () => {
      await seed({ modelId: 'sought', version: '1', description: 'Früher', tags: { city: 'Oslo' } });
      await update('sought', { version: '1', description: 'Später', tags: { city: 'Rom' } });
      const totals = await Promise.all(
        ['FRÜHER', 'oslo', 'SPÄTER', 'city=rom'].map(async (query) => {
          const { total } = await searchVersions(database, { query, orderBy: 'created_at desc', limit: 5 });
          return total;
        }),
      );
      expect(totals).toEqual([0, 0, 1, 1]);
    });

    test('that changes nothing leaves no trace', async () => {
      await seed({
        modelId: 'same',
        version: '1',
        description: 'as it is',
        tags: { a: 'b' },
        metrics: { x: 1 },
      });
      const before = await trail('same');
      const same = { version: '1', description: 'as it is', tags: { a: 'b', c: null }, metrics: { x: 1 } };
      expect(
        (await update('same', { ...same, author: null, parentVersions: [], aliases: { none: null } }))
          .changed,
      ).toEqual([]);
      expect(await trail('same')).toEqual(before);
      expect((await only('same', '1')).record.updatedAt).toBeNull();
    });

    test('of the model itself keeps its description and tags', async () => {
      await seed({ modelId: 'own', version: '1' });
      await update('own', { description: 'Who leaves', tags: { owner: 'ana', old: 'x' } });
      const { changed } = await update('own', { tags: { old: null } });
      expect(changed).toEqual([{ field: 'tags.old', before: 'x', after: null }]);
      expect(await describeModel(database, 'own', { limit: 1 })).toMatchObject({
        description: 'Who leaves',
        tags: { owner: 'ana' },
      });
      expect((await trail('own')).at(-1)).toEqual([null, { 'tags.old': 'x' }, { 'tags.old': null }]);
    });

    test('without a version cannot say what only versions have', async () => {
      await seed({ modelId: 'unsaid', version: '1' });
      await expect(update('unsaid', { metrics: { auc: 1 }, parentVersions: [] })).rejects.toMatchObject({
        code: 'INVALID_INPUT',
        message: 'metrics, parent_versions can be said of a version only, and no version was named.',
      });
    });

    test('is made whole or not at all', async () => {
      await seed({ modelId: 'whole', version: '1' });
      const before = await trail('whole');
      await expect(
        update('whole', { version: '1', description: 'new', tags: { a: 'b' }, aliases: { champion: '9' } }),
      ).rejects.toMatchObject({ code: 'VERSION_NOT_FOUND' });
      expect(await only('whole', '1')).toMatchObject({ record: { description: null }, tags: {} });
      expect(await trail('whole')).toEqual(before);
    });

    test('of different facts by two servers at once: both are kept', async () => {
      await seed({ modelId: 'shared', version: '1' });
      const fields = ['description', 'author', 'framework', 'algorithm'] as const;
      await Promise.all(
        fields.flatMap((field, index) => [
          update('shared', { version: '1', [field]: field }, index % 2 === 0 ? database : other),
          update('shared', { version: '1', tags: { [field]: 'set' } }, index % 2 === 0 ? other : database),
          update('shared', { tags: { [field]: 'set' } }, index % 2 === 0 ? other : database),
        ]),
      );
      const set = Object.fromEntries(fields.map((field) => [field, 'set']));
      expect(await only('shared', '1')).toMatchObject({
        record: Object.fromEntries(fields.map((field) => [field, field])),
        tags: set,
      });
      expect((await describeModel(database, 'shared', { limit: 1 })).tags).toEqual(set);
    });
  });

  describe('an alias', () => {
    test('stands for a version wherever one is read, until it is given to another', async () => {
      for (const version of ['1', '2']) await seed({ modelId: 'named', version });
      await update('named', { aliases: { champion: '1', challenger: '2' } });
      expect((await findVersion(database, 'named', 'champion')).version).toBe('1');
      // Each is read as it was before: the two change places.
      const { changed } = await update('named', {
        aliases: { champion: 'challenger', challenger: 'champion' },
      });
      expect(changed).toEqual([
        { field: 'aliases.champion', before: '1', after: '2' },
        { field: 'aliases.challenger', before: '2', after: '1' },
      ]);
      expect((await findVersion(database, 'named', 'champion')).version).toBe('2');
      expect(await describeModel(database, 'named', { version: 'champion', limit: 5 })).toMatchObject({
        totalVersions: 1,
        versions: [{ record: { version: '2' }, aliases: ['champion'] }],
        aliases: [
          { alias: 'challenger', version: '1' },
          { alias: 'champion', version: '2', changedAt: now, changedBy: 'operator' },
        ],
      });
      const found = await searchVersions(database, {
        alias: 'champion',
        modelId: 'named',
        orderBy: 'created_at',
        limit: 5,
      });
      expect(found.versions.map(({ record }) => record.version)).toEqual(['2']);
      await update('named', { version: 'champion', description: 'by its alias' });
      expect((await only('named', '2')).record.description).toBe('by its alias');
      await update('named', { aliases: { champion: null } });
      await expect(findVersion(database, 'named', 'champion')).rejects.toMatchObject({
        code: 'VERSION_NOT_FOUND',
        hint: 'Existing versions: 2, 1. Aliases: challenger (1).',
      });
    });

    test('a misspelt alias is answered with the nearest', async () => {
      await seed({ modelId: 'typo', version: '1' });
      await update('typo', { aliases: { champion: '1' } });
      await expect(findVersion(database, 'typo', 'campion')).rejects.toMatchObject({
        hint: 'Did you mean champion? Existing versions: 1. Aliases: champion (1).',
      });
    });

    test('cannot have the name of a version, nor a version that of an alias or of one that was deleted', async () => {
      for (const version of ['1', '2']) await seed({ modelId: 'clash', version });
      await update('clash', { aliases: { champion: '1' } });
      await database
        .insertInto('deleted_versions')
        .values({
          model_id: 'clash',
          version: '0',
          deleted_at: now,
          deleted_by: 'admin',
          artifact_sha256: '00',
        })
        .execute();
      await expect(update('clash', { aliases: { '2': '1' } })).rejects.toMatchObject({
        code: 'INVALID_INPUT',
        message: '2 is a version of clash, so it cannot be an alias.',
      });
      await expect(update('clash', { aliases: { '0': '1' } })).rejects.toMatchObject({
        code: 'INVALID_INPUT',
      });
      await expect(seed({ modelId: 'clash', version: 'champion' })).rejects.toMatchObject({
        code: 'VERSION_EXISTS',
        message: 'champion is an alias of clash 1, so no version can be called that.',
      });
      await expect(seed({ modelId: 'clash', version: '0' })).rejects.toMatchObject({
        code: 'VERSION_EXISTS',
        message: 'clash 0 was deleted at 2026-06-01T00:00:00.000Z; its name is not given again.',
      });
    });
  });

  describe('lineage', () => {
    const parents = (modelId: string, version: string, parentVersions: string[]) =>
      update(modelId, { version, parentVersions });

    test('is a graph over models, told some generations both ways', async () => {
      for (const version of ['1', '2', '3', '4']) await seed({ modelId: 'tree', version });
      await seed({ modelId: 'base', version: '7' });
      await seed({ modelId: 'tree', version: '5', parentVersion: 'base:7' });
      await parents('tree', '2', ['1', 'base:7', 'tree:1']);
      await parents('tree', '3', ['2']);
      await parents('tree', '4', ['2']);
      expect((await only('tree', '2')).parents).toEqual(['base:7', '1']);
      const { lineage, lineageTruncated } = await describeModel(database, 'tree', { version: '2', limit: 5 });
      const steps = lineage.map(({ parent, child }) => `${parent} ${child}`);
      expect([steps.toSorted(), lineageTruncated]).toEqual([['1 2', '2 3', '2 4', 'base:7 2'], false]);
      const ofBase = await describeModel(database, 'base', { limit: 5 });
      expect(ofBase.lineage.map(({ parent, child }) => `${parent} ${child}`)).toEqual([
        '7 tree:2',
        '7 tree:5',
        'tree:2 tree:3',
        'tree:2 tree:4',
      ]);
    });

    test('refuses a cycle and names it', async () => {
      for (const version of ['1', '2', '3']) await seed({ modelId: 'ring', version });
      await seed({ modelId: 'side', version: '1' });
      await parents('ring', '2', ['1']);
      await parents('side', '1', ['ring:2']);
      await parents('ring', '3', ['side:1']);
      await expect(parents('ring', '1', ['3'])).rejects.toMatchObject({
        code: 'INVALID_INPUT',
        message: 'That parent would make ring:1 its own ancestor: 1 → 2 → side:1 → 3 → 1.',
      });
      await expect(parents('ring', '1', ['1'])).rejects.toMatchObject({
        message: 'That parent would make ring:1 its own ancestor: 1 → 1.',
      });
      expect((await only('ring', '1')).parents).toEqual([]);
      await expect(parents('ring', '1', ['nothing:1'])).rejects.toMatchObject({ code: 'MODEL_NOT_FOUND' });
    });

    test('two servers that would close a cycle together: one is refused', async () => {
      for (let round = 0; round < 10; round++) {
        const [a, b] = [`left${round}`, `right${round}`];
        await seed({ modelId: a, version: '1' });
        await seed({ modelId: b, version: '1' });
        const outcomes = await Promise.allSettled([
          update(a, { version: '1', parentVersions: [`${b}:1`] }, database),
          update(b, { version: '1', parentVersions: [`${a}:1`] }, other),
        ]);
        expect(outcomes.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected']);
      }
    });

    test('keeps a parent that was deleted, and says that it is', async () => {
      for (const version of ['1', '2']) await seed({ modelId: 'orphan', version });
      await parents('orphan', '2', ['1']);
      await database
        .deleteFrom('versions')
        .where('model_id', '=', 'orphan')
        .where('version', '=', '1')
        .execute();
      await database
        .insertInto('deleted_versions')
        .values({
          model_id: 'orphan',
          version: '1',
          deleted_at: now,
          deleted_by: 'admin',
          artifact_sha256: '00',
        })
        .execute();
      const { lineage } = await describeModel(database, 'orphan', { limit: 5 });
      expect(lineage).toEqual([{ parent: '1', child: '2', parentDeleted: true }]);
      await seed({ modelId: 'orphan', version: '3' });
      // It may stay among the parents, and cannot become one.
      await parents('orphan', '2', ['1', '3']);
      expect((await only('orphan', '2')).parents).toEqual(['1', '3']);
      await expect(parents('orphan', '3', ['1'])).rejects.toMatchObject({ code: 'VERSION_NOT_FOUND' });
    });

    test('of many generations and children is cut, and says so', async () => {
      await seed({ modelId: 'long', version: 'v0' });
      for (let version = 1; version <= 8; version++)
        await seed({ modelId: 'long', version: `v${version}`, parentVersion: `v${version - 1}` });
      const cut = await describeModel(database, 'long', { version: 'v0', limit: 5 });
      expect([cut.lineage.length, cut.lineageTruncated]).toEqual([5, true]);
      const within = await describeModel(database, 'long', { version: 'v4', limit: 5 });
      expect([within.lineage.length, within.lineageTruncated]).toEqual([8, false]);
      for (let child = 0; child < 60; child++)
        await seed({ modelId: 'wide', version: `c${child}`, parentVersion: 'long:v8' });
      const wide = await describeModel(database, 'long', { version: 'v8', limit: 5 });
      expect([wide.lineage.length, wide.lineageTruncated]).toEqual([50, true]);
    });
  });
});
