import { beforeAll, describe, expect, test } from 'vitest';
import { searchVersions, type VersionSearch } from '../../src/registry/search.ts';
import type { Database } from '../../src/storage/database.ts';
import { describeOnEachDatabase } from '../storage/databases.ts';
import { moveTo, seeder } from './seed.ts';

describeOnEachDatabase('searchVersions', (store) => {
  let database: Database;

  const search = (conditions: Partial<VersionSearch>) =>
    searchVersions(database, { orderBy: 'created_at desc', limit: 100, ...conditions });
  const found = async (conditions: Partial<VersionSearch>) => {
    const { versions, total } = await search(conditions);
    expect(total).toBe(versions.length);
    return versions.map(({ record }) => `${record.modelId} ${record.version}`);
  };

  beforeAll(async () => {
    ({ database } = await store.open());
    const seed = seeder(database, store.address.directory);
    const churn = { modelId: 'churn', framework: 'scikit-learn', algorithm: 'Logistic Regression' };
    await seed({ ...churn, version: '1', metrics: { auc: 0.7, 'log loss': 0.5 }, tags: { team: 'risk' } });
    await seed({ ...churn, version: '2', metrics: { auc: 0.8 }, tags: { team: 'risk', tier: 'gold' } });
    await seed({
      ...churn,
      version: '10',
      metrics: { auc: 0.8, 'log loss': 0.25 },
      description: '100% ÉTÉ_x',
    });
    await seed({ modelId: 'fraud', version: '1', framework: 'PyTorch', metrics: { auc: 0.9 } });
    await seed({ modelId: 'fraud', version: '2', framework: 'pytorch', description: 'a\\b' });
    await moveTo(database, 'fraud', '1', 'production');
  });

  test('finds all, newest first', async () => {
    expect(await found({})).toEqual(['fraud 2', 'fraud 1', 'churn 10', 'churn 2', 'churn 1']);
  });

  test.each<[string, Partial<VersionSearch>, string[]]>([
    ['model', { modelId: 'fraud' }, ['fraud 2', 'fraud 1']],
    ['stage', { stage: 'production' }, ['fraud 1']],
    ['framework in any case', { framework: 'PYTORCH' }, ['fraud 2', 'fraud 1']],
    ['part of a name', { query: 'HUR' }, ['churn 10', 'churn 2', 'churn 1']],
    ['part of an algorithm', { query: 'regress', modelId: 'churn' }, ['churn 10', 'churn 2', 'churn 1']],
    ['part of a framework', { query: 'torch' }, ['fraud 2', 'fraud 1']],
    ['part of a description', { query: '100% ÉTÉ' }, ['churn 10']],
    ['a per cent sign, which is no wildcard', { query: '%' }, ['churn 10']],
    ['an underscore, which is no wildcard', { query: 'é_'.toUpperCase() }, ['churn 10']],
    ['a backslash, which is no escape', { query: '\\' }, ['fraud 2']],
    ['a quote, which ends nothing', { query: "' or 1=1 --" }, []],
    ['a tag', { tags: { team: 'risk' } }, ['churn 2', 'churn 1']],
    ['all of several tags', { tags: { team: 'risk', tier: 'gold' } }, ['churn 2']],
    [
      'a metric at least',
      { metrics: [{ name: 'auc', op: '>=', value: 0.8 }] },
      ['fraud 1', 'churn 10', 'churn 2'],
    ],
    ['a metric above', { metrics: [{ name: 'auc', op: '>', value: 0.8 }] }, ['fraud 1']],
    ['a metric at most', { metrics: [{ name: 'auc', op: '<=', value: 0.7 }] }, ['churn 1']],
    ['a metric below', { metrics: [{ name: 'auc', op: '<', value: 0.8 }] }, ['churn 1']],
    ['a metric equal', { metrics: [{ name: 'auc', op: '=', value: 0.8 }] }, ['churn 10', 'churn 2']],
    ['a metric not equal', { metrics: [{ name: 'auc', op: '!=', value: 0.8 }] }, ['fraud 1', 'churn 1']],
    [
      'all of several conditions',
      {
        query: 'logistic',
        metrics: [
          { name: 'auc', op: '>=', value: 0.7 },
          { name: 'log loss', op: '<', value: 0.5 },
        ],
      },
      ['churn 10'],
    ],
  ])('finds by %s', async (_, conditions, expected) => {
    expect(await found(conditions)).toEqual(expected);
  });

  test.each([
    ['metric:auc desc', ['fraud 1', 'churn 10', 'churn 2', 'churn 1']],
    ['metric:auc asc', ['churn 1', 'churn 2', 'churn 10', 'fraud 1']],
    ['metric:log loss asc', ['churn 10', 'churn 1']],
    ['metric:auc', ['fraud 1', 'churn 10', 'churn 2', 'churn 1']],
    ['created_at asc', ['churn 1', 'churn 2', 'churn 10', 'fraud 1', 'fraud 2']],
    ['model_id asc', ['churn 1', 'churn 2', 'churn 10', 'fraud 1', 'fraud 2']],
  ])('orders by %s, versions without that metric left out', async (orderBy, expected) => {
    expect(await found({ orderBy })).toEqual(expected);
  });

  describe.each(['created_at asc', 'created_at desc', 'model_id desc', 'metric:auc desc', 'metric:auc asc'])(
    'a page at a time by %s',
    (orderBy) => {
      test.each([1, 2, 4, 5])('of %i gives each version exactly once, in order', async (limit) => {
        const paged: string[] = [];
        let cursor: string | undefined;
        do {
          const page = await search({ orderBy, limit, cursor });
          expect(page.versions.length).toBeLessThanOrEqual(limit);
          // The statistics of the whole registry come with the first page only.
          expect(page.statistics === undefined).toBe(cursor !== undefined);
          paged.push(...page.versions.map(({ record }) => `${record.modelId} ${record.version}`));
          cursor = page.nextCursor ?? undefined;
        } while (cursor !== undefined);
        expect(paged).toEqual(await found({ orderBy }));
      });
    },
  );

  test('counts what there is', async () => {
    expect((await search({ modelId: 'fraud', limit: 1 })).statistics).toEqual({
      models: 2,
      versions: 5,
      byStage: { development: 4, production: 1 },
      byFramework: { 'scikit-learn': 3, PyTorch: 1, pytorch: 1 },
      artifactBytes: 'churn 1churn 2churn 10fraud 1fraud 2'.length,
    });
  });

  test('knows the change before it, also one that another process made', async () => {
    const other = await store.open();
    const seed = seeder(other.database, store.address.directory);
    const conditions = { tags: { late: 'yes' } };
    expect(await found(conditions)).toEqual([]);
    const before = (await search({})).statistics;
    await seed({ modelId: 'late', version: '1', tags: conditions.tags });
    expect(await found(conditions)).toEqual(['late 1']);
    expect((await search({})).statistics).toMatchObject({
      models: (before?.models ?? 0) + 1,
      versions: (before?.versions ?? 0) + 1,
    });
  });

  test.each(['name', 'created_at up', 'created_at; drop table versions', 'metric:', ''])(
    'the order "%s" is refused',
    async (orderBy) => {
      await expect(search({ orderBy })).rejects.toMatchObject({ code: 'INVALID_INPUT' });
    },
  );

  const cursorOf = (key: unknown) => Buffer.from(JSON.stringify(key)).toString('base64url');
  test.each([
    ['text', 'not a cursor'],
    ['another shape', cursorOf({ a: 1 })],
    ['another length', cursorOf(['created_at desc', 1, 'churn'])],
    ['without an order', cursorOf([1])],
    ['of another order', cursorOf(['model_id desc', 'churn', 1])],
    ['of the other direction', cursorOf(['created_at asc', 1])],
    ['a number in fractions', cursorOf(['created_at desc', 1.5])],
  ])('a cursor that is %s is refused', async (_, cursor) => {
    await expect(search({ cursor })).rejects.toMatchObject({ code: 'INVALID_INPUT' });
  });

  test('a cursor of one metric does not lead through another', async () => {
    const { nextCursor } = await search({ orderBy: 'metric:auc desc', limit: 1 });
    const cursor = nextCursor ?? '';
    expect(cursor).not.toBe('');
    await expect(search({ orderBy: 'metric:auc desc', limit: 1, cursor })).resolves.toBeDefined();
    await expect(search({ orderBy: 'metric:log loss desc', limit: 1, cursor })).rejects.toMatchObject({
      code: 'INVALID_INPUT',
    });
  });
});
