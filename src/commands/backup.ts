import { appendAudit } from '../access/audit.ts';
import { type Origin, originOf } from '../access/origin.ts';
import { ArtifactGone, type BackupReport, writeBackup } from '../backup/write_backup.ts';
import { ModelYardError } from '../errors.ts';
import { isAbandoned } from '../prediction_log/journal.ts';
import { moveJournals } from '../prediction_log/move_journals.ts';
import type { Settings } from '../settings.ts';
import { connectDatabase, type Database } from '../storage/database.ts';
import { openArtifacts } from '../storage/open_artifacts.ts';
import { createOutputFile, type OutputFile } from '../storage/output_file.ts';
import { isReferred } from '../storage/referred_artifacts.ts';
import { requireOwnDirectory } from '../storage/store_identity.ts';
import { parseCommand } from './command_line.ts';
import { newFile } from './new_file.ts';
import { print, progressLine } from './standard_output.ts';
import { withStore } from './with_store.ts';

const usage = `Usage: modelyard backup FILE [--force]

Writes the whole store (database and artifacts, as they are at one moment) to one file, while servers run.
Predictions that were answered before are in it. The file is a tar archive with the SHA-256 of all its parts;
modelyard restore reads it into a store on either database.
The audit trail says who made it, when, and up to which entry of the trail it goes.

  --force  replace FILE
`;

export const backupCommand = { usage, run: runBackup };

/** How often a version may be deleted under our hands. */
const attempts = 5;

export async function runBackup(settings: Settings, given: string[]): Promise<number> {
  const { values, positionals } = parseCommand(
    'backup',
    given,
    { force: { type: 'boolean' } },
    { least: 1, most: 1, what: 'file to write' },
  );
  const [name = ''] = positionals;
  const { directory, databaseUrl } = settings;
  const force = values.force ?? false;
  const caller = { role: settings.role, readOnly: settings.readOnly, client: 'command line' };
  const report = await withStore(settings, async (store) => {
    await requireOwnDirectory(store, directory);
    const { database } = store;
    const path = await newFile(name, force);
    const unreadable = await moveJournals(database, directory, { isFinished: isAbandoned });
    if (unreadable > 0)
      process.stderr.write(`modelyard: ${unreadable} journal lines could not be read and were left out.\n`);
    const opened = await connectDatabase({ directory, databaseUrl });
    const artifacts = await openArtifacts(settings, opened);
    const progress = progressLine();
    const source = {
      opened,
      artifacts,
      clock: Date.now,
      progress: progress.show,
    };
    try {
      for (let attempt = 1; ; attempt++) {
        const file = await createOutputFile(path, name, { replace: force, directory });
        try {
          // It holds what everybody asked the models and what they were told.
          await file.handle.chmod(0o600);
          const written = await writeBackup(source, (chunk) => file.handle.writeFile(chunk));
          await keep(database, file, written, originOf(caller, 'backup', { file: path, force }));
          return written;
        } catch (error) {
          if (!(error instanceof ArtifactGone)) throw error;
          if (attempt === attempts || (await isReferred(database, error.artifact))) throw damaged(error);
        } finally {
          await file.discard();
        }
      }
    } finally {
      progress.end();
      artifacts.close();
      await opened.close();
    }
  });
  await print(`${describe(report)} written to ${name}.\n`);
  return 0;
}

/**
 * Gives the backup its name together with its entry in the audit trail: no copy of all that is known without a trace
 * of who made it. The entry is of after the moment that the backup holds, so it is not in it.
 */
async function keep(
  database: Database,
  file: OutputFile,
  { sequence, rows, artifacts, predictions }: BackupReport,
  origin: Origin,
): Promise<void> {
  // The bytes go to the disk before: every change of the store waits from the entry to the name.
  await file.handle.sync();
  await database.transaction().execute(async (transaction) => {
    const after = { sequence, artifacts, predictions, rows };
    const change = { modelId: undefined, version: undefined, before: undefined, after, outcome: 'done' };
    await appendAudit(transaction, origin, change, Date.now());
    await file.commit();
  });
}

function damaged({ damage }: ArtifactGone): ModelYardError {
  return new ModelYardError(
    damage.code,
    `${damage.message} No backup was written.`,
    'modelyard verify lists what is damaged: register the same file again, or delete its versions, then try again.',
    { cause: damage },
  );
}

/** `3 models, 12 versions, 1000 predictions, 7 artifacts` */
export function describe({ rows, artifacts, predictions }: Omit<BackupReport, 'sequence'>): string {
  const { models = 0, versions = 0, audit_entries: entries = 0 } = rows;
  return `${models} models, ${versions} versions, ${artifacts} artifacts, ${predictions} predictions, ${entries} audit entries`;
}
