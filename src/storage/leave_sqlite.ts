import type { SqliteHandle } from './sqlite_handle.ts';

/** How long closing waits for other writers, milliseconds; the last process to close finds none. */
const patienceMs = 250;

/**
 * Moves everything into the single database file and, where nobody else has it open, removes the write-ahead log, so
 * that copying the file of a stopped store copies everything.
 */
export async function leaveSqlite(handle: SqliteHandle): Promise<void> {
  try {
    await handle.exec(`pragma busy_timeout = ${patienceMs}`);
    await handle.exec('pragma wal_checkpoint(truncate)');
    // SQLite refuses this while any other handle is open.
    await handle.exec('pragma journal_mode = delete');
  } catch {
    // Others have it open and will do the same when they close.
  }
}
