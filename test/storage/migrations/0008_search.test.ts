import { sql } from 'kysely';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { searchVersions } from '../../../src/registry/search.ts';
import { connectDatabase, type OpenDatabase } from '../../../src/storage/database.ts';
import { migrate } from '../../../src/storage/migrate.ts';
import { describeOnEachDatabase } from '../databases.ts';

describeOnEachDatabase('a registry from before versions had numbers', (store) => {
  let opened: OpenDatabase;
  afterAll(() => opened.close());

  beforeAll(async () => {
    opened = await connectDatabase(store.address);
    const { database } = opened;
    await migrate(database, '0007_online');
    await sql`insert into models (model_id, created_at, revision) values ('m', 1, 1), ('n', 1, 1)`.execute(
      database,
    );
    for (const [model, version, at] of [
      ['n', '1', 30],
      ['m', '10', 20],
      ['m', '2', 20],
      ['m', '1', 10],
    ] as const) {
      await sql`
        insert into versions (model_id, version, stage, created_at, created_by, source, artifact_sha256,
          artifact_bytes, signature, warnings)
        values (${model}, ${version}, 'development', ${at}, 'operator', 's', '00', 1,
          '{"inputs":[],"outputs":[],"features":[]}', '[]')`.execute(database);
      await sql`insert into version_metrics values (${model}, ${version}, 'auc', ${at / 7})`.execute(
        database,
      );
      await sql`insert into version_metrics values (${model}, ${version}, 'loss', ${-at})`.execute(database);
      await sql`insert into version_tags values (${model}, ${version}, 'of', ${`${model} ${version}`})`.execute(
        database,
      );
    }
    await migrate(database);
  });

  test('has them by age, with the metrics and tags that were theirs', async () => {
    const found = await searchVersions(opened.database, { orderBy: 'created_at asc', limit: 10 });
    expect(
      found.versions.map(({ record, metrics, tags }) => [
        `${record.modelId} ${record.version}`,
        record.number,
        metrics,
        tags,
      ]),
    ).toEqual(
      (
        [
          ['m 1', 10],
          ['m 10', 20],
          ['m 2', 20],
          ['n 1', 30],
        ] as const
      ).map(([name, at], index) => [name, index + 1, { auc: at / 7, loss: -at }, { of: name }]),
    );
  });

  test('lets no metric or tag be without its version, and no number be given twice', async () => {
    const { database } = opened;
    for (const wrong of [
      database.insertInto('version_metrics').values({ number: 5, name: 'auc', value: 1 }),
      database.insertInto('version_tags').values({ number: 5, name: 'of', value: 'x' }),
      database.updateTable('versions').set({ number: 1 }).where('model_id', '=', 'n'),
    ])
      await expect(wrong.execute()).rejects.toThrow(/constraint/i);
  });
});
