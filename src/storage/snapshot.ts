import { type Kysely, sql } from 'kysely';
import type { OpenDatabase } from './database.ts';
import type { Tables } from './schema.ts';

/**
 * Reads the whole database as it was at one moment, while others go on writing. On SQLite the handle can do
 * nothing else meanwhile: use one of its own.
 */
export function readSnapshot<T>(
  { database, kind }: Pick<OpenDatabase, 'database' | 'kind'>,
  read: (snapshot: Kysely<Tables>) => Promise<T>,
): Promise<T> {
  return database.connection().execute(async (connection) => {
    const begin = kind === 'sqlite' ? 'begin' : 'begin isolation level repeatable read read only';
    await sql.raw(begin).execute(connection);
    try {
      // Both databases take the snapshot with the first statement that reads.
      await connection.selectFrom('audit_head').select('sequence').execute();
      return await read(connection);
    } finally {
      // An error may have ended it already.
      await sql
        .raw('rollback')
        .execute(connection)
        .catch(() => undefined);
    }
  });
}
