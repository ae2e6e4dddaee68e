import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import {
  CompiledQuery,
  type DatabaseConnection,
  type DialectAdapter,
  type Driver,
  SqliteAdapter,
  SqliteDialect,
  SqliteDriver,
} from 'kysely';
import LibsqlDatabase from 'libsql';
import { systemCodeOf } from '../errors.ts';

const cacheKilobytes = 64 * 1024;

/** How long a statement waits for another process's write before it fails, milliseconds. */
const busyTimeoutMs = 10_000;

/**
 * SQLite through libsql, set up for several server processes on one file: write-ahead log, a busy
 * timeout, and transactions that take the write lock when they begin (a transaction that reads first and
 * upgrades later fails with SQLITE_BUSY instead of waiting).
 */
export function sqliteDialect(file: string): SqliteDialect {
  return new ImmediateSqliteDialect({
    database: async () => {
      mkdirSync(dirname(file), { recursive: true });
      const database = new LibsqlDatabase(file, { timeout: busyTimeoutMs });
      database.exec(`pragma busy_timeout = ${busyTimeoutMs}`);
      await patiently(() => database.exec('pragma journal_mode = wal'));
      // FULL: a promotion that was answered survives a power cut too. Predictions do not wait for this database.
      database.exec('pragma synchronous = full');
      database.exec('pragma foreign_keys = on');
      // In KiB: searches come back to the same indexes, which the default of 2 MB does not hold.
      database.exec(`pragma cache_size = -${cacheKilobytes}`);
      return database;
    },
  });
}

/**
 * SQLite does not wait by itself while another process makes the write-ahead log, recovers it or, as the last to
 * close, removes it: whoever opens the file in that moment is told at once that it is busy.
 */
async function patiently(open: () => unknown): Promise<void> {
  const deadline = Date.now() + busyTimeoutMs;
  for (;;) {
    try {
      open();
      return;
    } catch (error) {
      if (!systemCodeOf(error)?.startsWith('SQLITE_BUSY') || Date.now() > deadline) throw error;
    }
    await setTimeout(10 + 20 * Math.random());
  }
}

class ImmediateSqliteDialect extends SqliteDialect {
  readonly #config: ConstructorParameters<typeof SqliteDialect>[0];

  constructor(config: ConstructorParameters<typeof SqliteDialect>[0]) {
    super(config);
    this.#config = config;
  }

  override createDriver(): Driver {
    return new ImmediateSqliteDriver(this.#config);
  }

  override createAdapter(): DialectAdapter {
    return new TransactionalSqliteAdapter();
  }
}

class ImmediateSqliteDriver extends SqliteDriver {
  override async beginTransaction(connection: DatabaseConnection): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw('begin immediate'));
  }
}

/** SQLite can roll back schema changes, so a migration runs in one transaction, which also keeps out others. */
class TransactionalSqliteAdapter extends SqliteAdapter {
  override get supportsTransactionalDdl(): boolean {
    return true;
  }
}
