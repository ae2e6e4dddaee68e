import { existsSync } from 'node:fs';
import { ModelYardError } from '../errors.ts';
import type { Settings } from '../settings.ts';
import { connectDatabase, type OpenDatabase, sqliteFile } from '../storage/database.ts';
import { appliedMigrations, knownMigrations, requireKnown } from '../storage/migrate.ts';
import { unusableStore } from '../storage/storage_error.ts';

/**
 * Opens a store that exists, and does something with it as it is: nothing is made or migrated.
 * @throws STORAGE_UNAVAILABLE when there is none, or one of another version
 */
export async function withStore<T>(
  { directory, databaseUrl }: Settings,
  use: (opened: OpenDatabase) => Promise<T>,
): Promise<T> {
  if (databaseUrl === undefined && !existsSync(sqliteFile(directory)))
    throw new ModelYardError(
      'STORAGE_UNAVAILABLE',
      `There is no store in ${directory}.`,
      'Set MODEL_REGISTRY_DIR (and DATABASE_URL, where PostgreSQL is used) as for the server.',
    );
  const opened = await connectDatabase({ directory, databaseUrl });
  try {
    await requireCurrent(opened);
    return await use(opened);
  } catch (error) {
    throw unusableStore(error);
  } finally {
    await opened.close().catch(() => undefined);
  }
}

async function requireCurrent({ database }: OpenDatabase): Promise<void> {
  const applied = await appliedMigrations(database);
  const missing = knownMigrations().filter((name) => !applied.includes(name));
  requireKnown(applied);
  if (missing.length > 0)
    throw new ModelYardError(
      'STORAGE_UNAVAILABLE',
      applied.length === 0
        ? 'The database holds no store yet.'
        : `The store is of an older ModelYard (without migration ${missing.join(', ')}).`,
      'Start a server of this version on it once: it brings the tables up to date.',
    );
}
