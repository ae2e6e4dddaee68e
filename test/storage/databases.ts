import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { afterAll, beforeAll, describe, test } from 'vitest';
import { type OpenDatabase, openDatabase } from '../../src/storage/database.ts';
import { temporaryDirectory } from '../temporary.ts';

/** A database of its own on one of the two stores, empty until it is opened. */
export interface TestDatabase {
  kind: 'sqlite' | 'postgresql';
  /** What openDatabase takes: for other processes. */
  address: { directory: string; databaseUrl?: string };
  /** Opens another handle, as another server process would; closed after the suite. */
  open(): Promise<OpenDatabase>;
}

const serverUrl = process.env.MODELYARD_TEST_DATABASE_URL;

/** The same tests on SQLite and, where MODELYARD_TEST_DATABASE_URL names a server, on PostgreSQL. */
export function describeOnEachDatabase(title: string, suite: (store: TestDatabase) => void): void {
  describe(`${title}, on SQLite`, () => {
    suite(keepHandles('sqlite', { directory: temporaryDirectory() }));
  });
  if (serverUrl === undefined)
    test.skip(`${title}, on PostgreSQL: skipped, since MODELYARD_TEST_DATABASE_URL is not set`);
  else
    describe(`${title}, on PostgreSQL`, () => {
      const name = `modelyard_test_${randomUUID().replaceAll('-', '')}`;
      beforeAll(() => onServer(serverUrl, `create database ${name}`));
      // Hooks after a suite run last one first: the handles are closed by then.
      afterAll(() => onServer(serverUrl, `drop database ${name} with (force)`));
      const databaseUrl = Object.assign(new URL(serverUrl), { pathname: `/${name}` }).href;
      suite(keepHandles('postgresql', { directory: temporaryDirectory(), databaseUrl }));
    });
}

function keepHandles(kind: TestDatabase['kind'], address: TestDatabase['address']): TestDatabase {
  const handles: OpenDatabase[] = [];
  afterAll(async () => {
    for (const handle of handles) await handle.close();
  });
  return {
    kind,
    address,
    async open() {
      const handle = await openDatabase(address);
      handles.push(handle);
      return handle;
    },
  };
}

async function onServer(url: string, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query(statement);
  await client.end();
}
