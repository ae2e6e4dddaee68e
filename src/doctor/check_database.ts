import { existsSync } from 'node:fs';
import { sql } from 'kysely';
import { ModelYardError, messageOf } from '../errors.ts';
import type { Settings } from '../settings.ts';
import { connectDatabase, type OpenDatabase, sqliteFile } from '../storage/database.ts';
import { appliedMigrations, knownMigrations, requireKnown } from '../storage/migrate.ts';
import { unusableStore } from '../storage/storage_error.ts';
import { requireOwnDirectory, requireSqliteFile } from '../storage/store_identity.ts';
import { type Check, note, ok, problem } from './check.ts';

const subject = 'database';

type Address = Pick<Settings, 'directory' | 'databaseUrl'>;

/** Whether the database answers, is of this version and belongs to the directory. Nothing is made or migrated. */
export async function checkDatabase(address: Address): Promise<Check> {
  try {
    const { directory, databaseUrl } = address;
    if (databaseUrl === undefined) {
      requireSqliteFile(directory, sqliteFile(directory));
      if (!existsSync(sqliteFile(directory)))
        return ok(subject, 'SQLite: there is no store yet, the first start makes one');
    }
    const opened = await connectDatabase(address);
    try {
      return await checkTables(opened, directory);
    } finally {
      await opened.close().catch(() => undefined);
    }
  } catch (thrown) {
    const error = unusableStore(thrown);
    if (error instanceof ModelYardError) return problem(subject, sentence(error.message), error.hint);
    return problem(
      subject,
      `cannot be opened: ${messageOf(error)}`,
      'modelyard verify looks into it; a backup can be restored into a new directory.',
    );
  }
}

async function checkTables(opened: OpenDatabase, directory: string): Promise<Check> {
  const name = opened.kind === 'sqlite' ? 'SQLite' : 'PostgreSQL';
  const applied = await appliedMigrations(opened.database);
  requireKnown(applied);
  if (applied.length === 0) {
    if (opened.kind === 'postgresql' && !(await mayMakeTables(opened)))
      return problem(
        subject,
        'PostgreSQL: the user in DATABASE_URL may not make tables there',
        'Make it the owner of the database (alter database … owner to …), or name another user in DATABASE_URL.',
      );
    return ok(subject, `${name}: answers and is empty, the first start makes the tables`);
  }
  await requireOwnDirectory(opened, directory);
  const missing = knownMigrations().filter((migration) => !applied.includes(migration));
  if (missing.length > 0)
    return note(
      subject,
      `${name}: the store is of an older ModelYard (without ${missing.join(', ')})`,
      'Make a backup (modelyard backup, of the older version); the next start brings it up to date.',
    );
  return ok(subject, `${name}: answers, tables up to date`);
}

async function mayMakeTables({ database }: OpenDatabase): Promise<boolean> {
  const { rows } = await sql<{ may: boolean }>`
    select coalesce(has_schema_privilege(current_user, current_schema(), 'CREATE'), false) as may`.execute(
    database,
  );
  return rows[0]?.may === true;
}

/** As the others are shown: without the full stop. */
function sentence(message: string): string {
  return message.replace(/\.$/, '');
}
