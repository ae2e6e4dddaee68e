import { sql } from 'kysely';
import type { Database } from '../../src/storage/database.ts';

/** Does to a table what its triggers forbid, as somebody with the database's password could. */
export async function withoutTriggers(
  { database, kind }: { database: Database; kind: 'sqlite' | 'postgresql' },
  table: string,
  change: () => Promise<unknown>,
): Promise<void> {
  if (kind === 'postgresql') {
    await sql`alter table ${sql.table(table)} disable trigger user`.execute(database);
    await change();
    await sql`alter table ${sql.table(table)} enable trigger user`.execute(database);
    return;
  }
  const { rows } = await sql<{ name: string; sql: string }>`
    select name, sql from sqlite_master where type = 'trigger' and tbl_name = ${table}`.execute(database);
  for (const { name } of rows) await sql`drop trigger ${sql.ref(name)}`.execute(database);
  await change();
  for (const trigger of rows) await sql.raw(trigger.sql).execute(database);
}
