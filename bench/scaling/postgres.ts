import { sql } from 'kysely';
import { z } from 'zod';
import type { Database } from '../../src/storage/database.ts';
import { openDatabase } from '../../src/storage/database.ts';
import { parentOf, processorSeconds } from '../processor_time.ts';

/** What PostgreSQL has done until now. */
export interface PostgresUse {
  /** Seconds of processor time of all its processes; NaN where it runs on another machine. */
  seconds: number;
  /** Bytes of write-ahead log, of the whole server. */
  wal: number;
  /** Transactions of this database that have ended. */
  transactions: number;
  /** Bytes of this database on disk. */
  bytes: number;
}

/** Connections of this database but that of the bench. */
interface Connections {
  open: number;
  active: number;
  /** Waiting for a lock that another has. */
  locked: number;
}

export interface Postgres {
  database: Database;
  use(): Promise<PostgresUse>;
  connections(): Promise<Connections>;
  close(): Promise<void>;
}

const usage = z.object({
  pid: z.int(),
  wal: z.coerce.number(),
  ended: z.coerce.number(),
  bytes: z.coerce.number(),
});
const counts = z.object({
  open: z.coerce.number(),
  active: z.coerce.number(),
  locked: z.coerce.number(),
});

/** @param directory of its own, since a directory belongs to one store */
export async function openPostgres(directory: string, databaseUrl: string): Promise<Postgres> {
  const { database, close } = await openDatabase({ directory, databaseUrl });
  return {
    database,
    close,
    async use() {
      const { rows } = await sql`
        select pg_backend_pid() as pid, pg_current_wal_lsn() - '0/0'::pg_lsn as wal, pg_database_size(datname) as bytes,
          xact_commit + xact_rollback as ended
        from pg_stat_database where datname = current_database()`.execute(database);
      const { pid, wal, ended, bytes } = usage.parse(rows[0]);
      return { seconds: secondsOf(pid), wal, transactions: ended, bytes };
    },
    async connections() {
      const { rows } = await sql`
        select count(*) as open, count(*) filter (where state = 'active') as active,
          count(*) filter (where wait_event_type = 'Lock') as locked
        from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()`.execute(
        database,
      );
      return counts.parse(rows[0]);
    },
  };
}

/** Of the server that a backend belongs to. */
function secondsOf(backend: number): number {
  try {
    return processorSeconds(parentOf(backend));
  } catch {
    return Number.NaN;
  }
}

/** What was used between two moments. */
export function between(before: PostgresUse, after: PostgresUse): PostgresUse {
  return {
    seconds: after.seconds - before.seconds,
    wal: after.wal - before.wal,
    transactions: after.transactions - before.transactions,
    bytes: after.bytes - before.bytes,
  };
}

const lookEveryMs = 100;

/** Looks at the connections again and again while something is done. */
export async function watched<T>(
  { connections }: Postgres,
  work: () => Promise<T>,
): Promise<{ result: T; most: number; lockedShare: number }> {
  let isOver = false;
  let most = 0;
  let [busy, locked] = [0, 0];
  const watching = (async () => {
    while (!isOver) {
      const now = await connections();
      most = Math.max(most, now.open);
      busy += now.active;
      locked += now.locked;
      await new Promise((resolve) => setTimeout(resolve, lookEveryMs));
    }
  })();
  try {
    const result = await work();
    return { result, most, lockedShare: busy === 0 ? 0 : locked / busy };
  } finally {
    isOver = true;
    await watching;
  }
}
