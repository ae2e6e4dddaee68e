import { randomBytes } from 'node:crypto';
import pg from 'pg';

/** A database that a server can keep its state in, made for one test. */
export interface TestStore {
  /** What a server must be told to use it. */
  settings: Record<string, string>;
  /** The address, where it is not the file in the registry directory. */
  databaseUrl: string | undefined;
  drop(): Promise<void>;
}

const databaseUrl = process.env.MODELYARD_TEST_DATABASE_URL;

/**
 * The databases to test on. PostgreSQL is there when MODELYARD_TEST_DATABASE_URL names a server on which
 * databases may be created; `skipped` is what to call its tests where it is not.
 */
export const stores: readonly { name: string; kind: string; skipped: boolean; open(): Promise<TestStore> }[] =
  [
    {
      name: 'on SQLite',
      kind: 'sqlite',
      skipped: false,
      open: async () => ({ settings: {}, databaseUrl: undefined, drop: async () => undefined }),
    },
    {
      name:
        databaseUrl === undefined
          ? 'on PostgreSQL (skipped: MODELYARD_TEST_DATABASE_URL is not set)'
          : 'on PostgreSQL',
      kind: 'postgresql',
      skipped: databaseUrl === undefined,
      open: () => createDatabase(databaseUrl ?? ''),
    },
  ];

async function createDatabase(serverUrl: string): Promise<TestStore> {
  const name = `modelyard_test_${randomBytes(6).toString('hex')}`;
  await execute(serverUrl, `create database ${name}`);
  const own = new URL(serverUrl);
  own.pathname = `/${name}`;
  return {
    settings: { DATABASE_URL: own.href },
    databaseUrl: own.href,
    drop: () => execute(serverUrl, `drop database ${name} with (force)`),
  };
}

async function execute(url: string, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}
