import { createReadStream } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { systemCodeOf } from '../errors.ts';
import { isAbandoned, isJournal, journalDirectory, parseEntry } from '../monitoring/log/journal.ts';
import { note, problem, type Report } from './finding.ts';

/**
 * The lines of predictions that wait to be moved to the database can be read.
 * @returns how many journals there are
 */
export async function checkJournals(directory: string, report: Report): Promise<number> {
  const folder = journalDirectory(directory);
  const names = await readdir(folder).catch(() => []);
  let journals = 0;
  for (const name of names) {
    if (!isJournal(name)) {
      report(
        note(`journals/${name} is no journal`, 'Nothing of ModelYard needs it: remove it if you do not.'),
      );
      continue;
    }
    journals++;
    try {
      await checkJournal(join(folder, name), name, report);
    } catch (error) {
      // Moved to the database and removed meanwhile.
      if (systemCodeOf(error) === 'ENOENT') continue;
      report(
        problem(
          `journals/${name} cannot be read (${systemCodeOf(error) ?? 'unknown'})`,
          'Check the permissions and the disk: the predictions in it are not in the database yet.',
        ),
      );
    }
  }
  return journals;
}

async function checkJournal(path: string, name: string, report: Report): Promise<void> {
  const { size } = await stat(path);
  if (size === 0) return;
  let unreadable = 0;
  let first = 0;
  let number = 0;
  let last = '';
  const lines = createInterface({ input: createReadStream(path, { end: size - 1 }), crlfDelay: Infinity });
  for await (const line of lines) {
    // One line late: the last one may be in the middle of being written, or be what a killed process had written of it.
    if (number > 0 && parseEntry(last) === undefined) {
      unreadable++;
      first ||= number;
    }
    last = line;
    number++;
  }
  if (unreadable > 0)
    report(
      problem(
        `${unreadable} of ${number} lines of journals/${name} cannot be read, line ${first} first`,
        `They are left out when the journal is moved to the database${isAbandoned(name) ? '' : ', which its server does within seconds'}; keep a copy of the file if the predictions matter.`,
      ),
    );
}
