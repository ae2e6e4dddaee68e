import { join } from 'node:path';
import { Kysely, PostgresDialect, sql } from 'kysely';
import { systemCodeOf } from '../errors.ts';
import { fileIdentity } from './file_identity.ts';
import { migrate } from './migrate.ts';
import { type PoolLimits, postgresPool } from './postgres_pool.ts';
import type { Tables } from './schema.ts';
import { sqliteDialect } from './sqlite_dialect.ts';
import { patienceMs } from './sqlite_handles.ts';
import { connectingError, openingError, storageError } from './storage_error.ts';
import { joinStore, requireSqliteFile } from './store_identity.ts';

const closingPatienceMs = 500;

/**
 * How long a transaction of a server may be without a statement, milliseconds; a command that copies files may take
 * longer.
 */
const longestIdleMs = 20_000;

export type Database = Kysely<Tables>;
export type StoreKind = 'sqlite' | 'postgresql';

export interface OpenDatabase {
  database: Database;
  kind: StoreKind;
  /** What has happened to SQLite's file since it was opened, in words; undefined while all is well. */
  fault(): string | undefined;
  /** @throws STORAGE_UNAVAILABLE when SQLite's file is no longer the one that was opened */
  requireIntact(): void;
  /** From now on nothing waits long for other writers of SQLite's file, since it is about to be closed. */
  hurry(): void;
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
 * Opens the database, brings its tables up to date and makes sure that the directory is of the same store. Safe to call
 * in several processes at once on the same database.
 * @throws STORAGE_UNAVAILABLE, also for a directory of another store
 */
export function openDatabase(address: DatabaseAddress): Promise<OpenDatabase> {
  return openMigrated(address, (opened) => joinStore(opened, address.directory));
}

/** Like openDatabase, but the directory may belong to another store, for callers that do not use it. */
export function openTables(address: DatabaseAddress): Promise<OpenDatabase> {
  return openMigrated(address, async () => undefined);
}

async function openMigrated(
  address: DatabaseAddress,
  check: (opened: OpenDatabase) => Promise<void>,
): Promise<OpenDatabase> {
  const { directory, databaseUrl } = address;
  if (databaseUrl === undefined) requireSqliteFile(directory, sqliteFile(directory));
  const opened = await connectDatabase(address, { idleMs: longestIdleMs });
  try {
    await migrate(opened.database);
    await check(opened);
  } catch (error) {
    await opened.close().catch(() => undefined);
    throw databaseUrl === undefined ? storageError(error) : openingError(error);
  }
  return opened;
}

/**
 * Opens the database as it is, whatever tables it has. Creates SQLite's file where there is none.
 *
 * @throws STORAGE_UNAVAILABLE when DATABASE_URL leads to none
 */
export async function connectDatabase(
  { directory, databaseUrl }: DatabaseAddress,
  limits?: PoolLimits,
): Promise<OpenDatabase> {
  const identity = databaseUrl === undefined ? fileIdentity(sqliteFile(directory)) : undefined;
  const patience = { ms: patienceMs };
  const database = new Kysely<Tables>({
    dialect:
      databaseUrl === undefined
        ? sqliteDialect(sqliteFile(directory), identity, patience)
        : new PostgresDialect({ pool: await postgresPool(databaseUrl, limits) }),
  });
  if (databaseUrl !== undefined) await requireConnection(database);
  return {
    database,
    kind: databaseUrl === undefined ? 'sqlite' : 'postgresql',
    fault: () => identity?.fault(),
    requireIntact: () => identity?.require(),
    hurry() {
      patience.ms = closingPatienceMs;
    },
    close: () => database.destroy(),
  };
}

async function requireConnection(database: Database): Promise<void> {
  try {
    await sql`select 1`.execute(database);
  } catch (error) {
    await database.destroy().catch(() => undefined);
    throw connectingError(error);
  }
}

/** Whether a write failed because a row with that key exists already. */
export function isUniqueViolation(error: unknown): boolean {
  const code = systemCodeOf(error);
  return code === '23505' || code === 'SQLITE_CONSTRAINT_UNIQUE' || code === 'SQLITE_CONSTRAINT_PRIMARYKEY';
}
