import { execFileSync } from 'node:child_process';
import { Kysely, PostgresDialect, sql } from 'kysely';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { postgresPool } from '../../src/storage/postgres_pool.ts';
import { storageError } from '../../src/storage/storage_error.ts';
import { stores, type TestStore } from '../e2e/stores.ts';

interface Tables {
  counts: { name: string; count: number };
}

const [store] = stores.filter(({ kind }) => kind === 'postgresql');

describe.skipIf(store?.skipped ?? true)('connections to PostgreSQL that break', () => {
  let opened: TestStore;
  let database: Kysely<Tables>;
  let url: string;
  beforeAll(async () => {
    if (store === undefined) return;
    opened = await store.open();
    url = opened.databaseUrl ?? '';
    database = new Kysely<Tables>({ dialect: new PostgresDialect({ pool: await postgresPool(url) }) });
    await database.schema
      .createTable('counts')
      .addColumn('name', 'text')
      .addColumn('count', 'integer')
      .execute();
    await database.insertInto('counts').values({ name: 'changes', count: 0 }).execute();
  });
  afterAll(async () => {
    await database.destroy();
    await opened.drop();
  });

  /** Many connections at rest, all of which are broken before this process can hear of it. */
  const breakAll = async () => {
    await Promise.all(Array.from({ length: 10 }, () => sql`select pg_sleep(0.05)`.execute(database)));
    const script = `
      const { default: pg } = await import('pg');
      const client = new pg.Client({ connectionString: process.argv[1] });
      await client.connect();
      const { rowCount } = await client.query("select pg_terminate_backend(pid, 10000) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()");
      process.stdout.write(String(rowCount));
      await client.end();`;
    const broken = execFileSync(process.execPath, ['--input-type=module', '-e', script, url], {
      encoding: 'utf8',
    });
    expect(Number(broken)).toBe(10);
  };
  const count = async () =>
    (await database.selectFrom('counts').select('count').executeTakeFirstOrThrow()).count;
  const raise = (by: Kysely<Tables>) =>
    by.updateTable('counts').set({ count: sql<number>`count + 1` }).execute();

  test('are not noticed by who reads, nor by who begins a transaction', async () => {
    await breakAll();
    expect(await count()).toBe(0);
    await breakAll();
    await database.transaction().execute(raise);
    expect(await count()).toBe(1);
  });

  test('fail what may have been carried out, and say that nobody knows', async () => {
    const before = await count();
    await breakAll();
    const error = await raise(database).then(
      () => undefined,
      (thrown: unknown) => storageError(thrown),
    );
    expect(error).toMatchObject({
      code: 'STORAGE_UNAVAILABLE',
      message: expect.stringContaining('it is made or it is not'),
    });
    expect(await count()).toBe(before);
  });

  test('end their transaction with the first reason, and nothing of it is kept', async () => {
    const before = await count();
    const admin = new pg.Client({ connectionString: url });
    await admin.connect();
    const change = database.transaction().execute(async (transaction) => {
      await raise(transaction);
      const { rows } = await sql<{ pid: number }>`select pg_backend_pid() as pid`.execute(transaction);
      await admin.query('select pg_terminate_backend($1, 10000)', [rows[0]?.pid]);
      await raise(transaction);
    });
    const error = await change.then(
      () => undefined,
      (thrown: unknown) => storageError(thrown),
    );
    expect(error).toMatchObject({
      code: 'STORAGE_UNAVAILABLE',
      message: expect.stringContaining('did not carry out'),
    });
    expect(await count()).toBe(before);
    await admin.end();
  });

  test('that hang are given up', async () => {
    const impatient = new Kysely<Tables>({
      dialect: new PostgresDialect({ pool: await postgresPool(url, { statementMs: 200 }) }),
    });
    const holds = new pg.Client({ connectionString: url });
    await holds.connect();
    await holds.query('begin');
    await holds.query('update counts set count = count');
    await expect(
      impatient
        .transaction()
        .execute(raise)
        .catch((thrown) => Promise.reject(storageError(thrown))),
    ).rejects.toMatchObject({ code: 'STORAGE_UNAVAILABLE' });
    // The next has another connection.
    expect((await impatient.selectFrom('counts').select('count').execute()).length).toBe(1);
    await holds.query('rollback');
    await holds.end();
    await impatient.destroy();
  });
});
