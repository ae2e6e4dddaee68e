import { join } from 'node:path';
import { Kysely, PostgresDialect } from 'kysely';
import { ModelYardError, messageOf, systemCodeOf } from '../errors.ts';
import { migrate } from './migrate.ts';
import type { Tables } from './schema.ts';
import { sqliteDialect } from './sqlite_dialect.ts';

export type Database = Kysely<Tables>;
export type StoreKind = 'sqlite' | 'postgresql';

export interface OpenDatabase {
  database: Database;
  kind: StoreKind;
  close(): Promise<void>;
}

/** Where a database is: PostgreSQL when `databaseUrl` is given, else SQLite in `directory`. */
export interface DatabaseAddress {
  directory: string;
  databaseUrl?: string | undefined;
}

export function sqliteFile(directory: string): string {
  return join(directory, 'modelyard.db');
}

/**
 * Opens the database and brings its tables up to date. Safe to call in several processes at once on the same
 * database.
 * @throws STORAGE_UNAVAILABLE
 */
export async function openDatabase(address: DatabaseAddress): Promise<OpenDatabase> {
  const opened = await connectDatabase(address);
  try {
    await migrate(opened.database);
  } catch (error) {
    await opened.close().catch(() => undefined);
    throw storageError(error);
  }
  return opened;
}

/** Opens the database as it is, whatever tables it has. SQLite's file is made where there is none. */
export async function connectDatabase({ directory, databaseUrl }: DatabaseAddress): Promise<OpenDatabase> {
  const database = new Kysely<Tables>({
    dialect:
      databaseUrl === undefined ? sqliteDialect(sqliteFile(directory)) : await postgresDialect(databaseUrl),
  });
  return {
    database,
    kind: databaseUrl === undefined ? 'sqlite' : 'postgresql',
    close: () => database.destroy(),
  };
}

async function postgresDialect(connectionString: string): Promise<PostgresDialect> {
  const { default: pg } = await import('pg');
  const int8 = pg.types.builtins.INT8;
  const pool = new pg.Pool({
    connectionString,
    max: 10,
    connectionTimeoutMillis: 5_000,
    application_name: 'modelyard',
    types: {
      // bigint holds times and counts below 2^53 here: read it as a number, as SQLite does.
      getTypeParser: (oid, format) =>
        oid === int8 && format !== 'binary' ? Number : pg.types.getTypeParser(oid, format),
    },
  });
  // An idle connection that breaks is replaced by the pool; without a listener it would end the process.
  pool.on('error', () => undefined);
  return new PostgresDialect({ pool });
}

// A violated constraint is a defect of the code that wrote, not a database that is away.
const unavailable = /^(SQLITE_(?!CONSTRAINT)|08|53|57P|ECONN|ENOTFOUND|ETIMEDOUT|EPIPE|28|3D000|40001|40P01)/;

/** Turns a database failure into STORAGE_UNAVAILABLE; returns anything else as it is. */
export function storageError(error: unknown): unknown {
  const code = systemCodeOf(error);
  const connectionLost =
    /connection (terminated|timeout)|timeout exceeded when trying to connect|ConnectionFailed/i.test(
      messageOf(error),
    );
  if (!connectionLost && (code === undefined || !unavailable.test(code))) return error;
  return new ModelYardError(
    'STORAGE_UNAVAILABLE',
    `The database did not carry out the operation (${code ?? 'connection lost'}).`,
    'Try again shortly; if it goes on, check that the database is reachable and its disk is not full.',
    { cause: error },
  );
}

/** Whether a write failed because a row with that key exists already. */
export function isUniqueViolation(error: unknown): boolean {
  const code = systemCodeOf(error);
  return code === '23505' || code === 'SQLITE_CONSTRAINT_UNIQUE' || code === 'SQLITE_CONSTRAINT_PRIMARYKEY';
}
