import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { sql } from 'kysely';
import LibsqlDatabase from 'libsql';
import { expect, test } from 'vitest';
import { type Database, openDatabase } from '../../src/storage/database.ts';
import { temporaryDirectory } from '../temporary.ts';

/** Every kind of statement that changes the file. */
const statements: Record<string, (database: Database) => Promise<unknown>> = {
  'a change': (database) =>
    sql`insert into models (model_id, created_at, revision) values ('m', 1, 1)`.execute(database),
  'a pragma that sets something': (database) => sql`pragma application_id = 77`.execute(database),
  'a new table': (database) => sql`create table spare (a integer)`.execute(database),
  'a transaction': (database) =>
    database.transaction().execute((transaction) => sql`pragma application_id = 78`.execute(transaction)),
};

test.each(Object.entries(statements))('%s waits for the lock of another process', async (_, run) => {
  const directory = temporaryDirectory();
  const { database, close } = await openDatabase({ directory });
  const other = new LibsqlDatabase(join(directory, 'modelyard.db'));
  other.exec('begin immediate');
  let isDone = false;
  const done = run(database).then(() => {
    isDone = true;
  });
  for (let turn = 0; turn < 100; turn++) await Promise.race([done, setImmediate()]);
  expect(isDone).toBe(false);
  other.exec('rollback');
  other.close();
  await done;
  await close();
});
