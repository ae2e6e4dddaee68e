import { mkdirSync } from 'node:fs';
import { originOf } from '../access/origin.ts';
import { may } from '../access/roles.ts';
import { checkBackup } from '../backup/read_backup.ts';
import { restoreBackup } from '../backup/restore_backup.ts';
import { ModelYardError } from '../errors.ts';
import type { Settings } from '../settings.ts';
import { connectDatabase, sqliteFile } from '../storage/database.ts';
import { openArtifacts } from '../storage/open_artifacts.ts';
import { storageError } from '../storage/storage_error.ts';
import { requireSqliteFile } from '../storage/store_identity.ts';
import { describe } from './backup.ts';
import { parseCommand } from './command_line.ts';
import { print, progressLine } from './standard_output.ts';

const usage = `Usage: modelyard restore FILE

Fills the store that MODEL_REGISTRY_DIR (and DATABASE_URL, for PostgreSQL) names from a backup, all or nothing. The
store must be empty; the backup may come from the other kind of database. The whole file is checked first.
Needs MODELYARD_ROLE=admin, and no MODELYARD_READ_ONLY. Try again after it was interrupted: nothing is half done.
`;

export const restoreCommand = { usage, run: runRestore };

export async function runRestore(settings: Settings, given: string[]): Promise<number> {
  const { positionals } = parseCommand('restore', given, {}, { least: 1, most: 1, what: 'backup file' });
  const [name = ''] = positionals;
  const caller = { role: settings.role, readOnly: settings.readOnly, client: 'command line' };
  if (!may(caller, 'ADMIN'))
    throw new ModelYardError(
      'PERMISSION_DENIED',
      `A restore needs the role admin, and this is ${settings.readOnly ? 'a read-only one' : `the role ${settings.role}`}.`,
      'Set MODELYARD_ROLE=admin, and no MODELYARD_READ_ONLY, to restore.',
    );
  const progress = progressLine();
  try {
    const backup = await checkBackup(name, (bytes) =>
      progress.show(`checking: ${Math.round(bytes / 1e6)} MB`),
    );
    const { directory, databaseUrl } = settings;
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    if (databaseUrl === undefined) requireSqliteFile(directory, sqliteFile(directory));
    const opened = await connectDatabase({ directory, databaseUrl });
    const artifacts = await openArtifacts(settings, opened);
    try {
      const target = { opened, directory, artifacts, clock: Date.now, progress: progress.show };
      await restoreBackup(target, name, backup, originOf(caller, 'restore', { file: name }));
    } catch (error) {
      throw storageError(error);
    } finally {
      artifacts.close();
      await opened.close();
    }
    progress.end();
    await print(`${describe(backup.manifest)} restored from the backup of ${backup.header.created_at}.\n`);
    return 0;
  } finally {
    progress.end();
  }
}
