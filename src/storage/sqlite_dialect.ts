import { closeSync, mkdirSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { type DialectAdapter, type Driver, SqliteAdapter, SqliteDialect } from 'kysely';
import { systemCodeOf } from '../errors.ts';
import type { FileIdentity } from './file_identity.ts';
import { SqliteDriver, type SqliteFile } from './sqlite_driver.ts';
import { openHandle, type SqliteHandle } from './sqlite_handle.ts';
import { type Patience, patienceMs } from './sqlite_handles.ts';

/**
 * SQLite through libsql, set up for several server processes on one file: write-ahead log, and transactions that take
 * the write lock when they begin (a transaction that reads first and upgrades later fails with SQLITE_BUSY instead of
 * waiting). SQLite never waits by itself: it would hold the thread.
 */
export function sqliteDialect(
  file: string,
  identity?: FileIdentity,
  patience: Patience = { ms: patienceMs },
): SqliteDialect {
  const isInMemory = file === ':memory:';
  const setUp = async (handle: SqliteHandle): Promise<SqliteHandle> => {
    for (const setting of settings) await patiently(() => handle.exec(`pragma ${setting}`));
    identity?.opened();
    return handle;
  };
  return new TwoHandlesDialect({
    async openWriter() {
      if (!isInMemory) makeOwnerOnly(file);
      return setUp(openHandle(file));
    },
    // In memory each handle has a database of its own.
    openReader: isInMemory
      ? undefined
      : async () => {
          const reader = await setUp(openHandle(file));
          await reader.exec('pragma query_only = on');
          return reader;
        },
    identity,
    patience,
  });
}

const settings = [
  'journal_mode = wal',
  // A promotion that was answered survives a power cut too. Predictions do not wait for this database.
  'synchronous = full',
  'foreign_keys = on',
  // In KiB: searches come back to the same indexes, which the default of 2 MB does not hold.
  `cache_size = -${64 * 1024}`,
];

/**
 * SQLite creates its database file with default permissions, and the files beside it with those of the database file.
 */
function makeOwnerOnly(file: string): void {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  try {
    closeSync(openSync(file, 'wx', 0o600));
  } catch (error) {
    if (systemCodeOf(error) !== 'EEXIST') throw error;
  }
}

/**
 * SQLite does not wait by itself while another process makes the write-ahead log, recovers it or, as the last to
 * close, removes it: whoever opens the file in that moment is told at once that it is busy.
 */
async function patiently(open: () => unknown): Promise<void> {
  const deadline = Date.now() + patienceMs;
  for (;;) {
    try {
      await open();
      return;
    } catch (error) {
      if (!systemCodeOf(error)?.startsWith('SQLITE_BUSY') || Date.now() > deadline) throw error;
    }
    await setTimeout(10 + 20 * Math.random());
  }
}

class TwoHandlesDialect extends SqliteDialect {
  readonly #file: SqliteFile;

  constructor(file: SqliteFile) {
    super({ database: () => Promise.reject(new Error('the driver is ours')) });
    this.#file = file;
  }

  override createDriver(): Driver {
    return new SqliteDriver(this.#file);
  }

  override createAdapter(): DialectAdapter {
    return new TransactionalSqliteAdapter();
  }
}

/** SQLite can roll back schema changes, so a migration runs in one transaction, which also keeps out others. */
class TransactionalSqliteAdapter extends SqliteAdapter {
  override get supportsTransactionalDdl(): boolean {
    return true;
  }
}
