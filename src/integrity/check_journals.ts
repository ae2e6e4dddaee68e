import { createReadStream } from 'node:fs';
import { open, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { systemCodeOf } from '../errors.ts';
import {
  isAbandoned,
  isJournal,
  isSegmentFile,
  parseEntry,
  unfinishedSuffix,
} from '../prediction_log/journal.ts';
import { journalDirectory } from '../prediction_log/journal_directory.ts';
import { isReserve } from '../prediction_log/reserve.ts';
import { readSegmentFile } from '../prediction_log/segment_file.ts';
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
    if (isReserve(name) || name.endsWith(unfinishedSuffix)) continue;
    if (!isJournal(name)) {
      report(
        note(`journals/${name} is no journal`, 'Nothing of ModelYard needs it: remove it if you do not.'),
      );
      continue;
    }
    journals++;
    try {
      const check = isSegmentFile(name) ? checkSegment : checkJournal;
      await check(join(folder, name), name, report);
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

async function checkSegment(path: string, name: string, report: Report): Promise<void> {
  if ((await readSegmentFile(path)) === undefined)
    report(
      problem(
        `journals/${name} is damaged`,
        'It is left out when it is moved to the database; keep a copy of the file if the predictions matter.',
      ),
    );
}

async function checkJournal(path: string, name: string, report: Report): Promise<void> {
  const size = await wholeBytes(path);
  if (size === 0) return;
  let unreadable = 0;
  let first = 0;
  let number = 0;
  for await (const line of createInterface({ input: createReadStream(path, { end: size - 1 }) })) {
    number++;
    if (parseEntry(line) !== undefined) continue;
    unreadable++;
    first ||= number;
  }
  if (unreadable > 0)
    report(
      problem(
        `${unreadable} of ${number} lines of journals/${name} cannot be read, line ${first} first`,
        `They are left out when the journal is moved to the database${isAbandoned(name) ? '' : ', which its server does within seconds'}; keep a copy of the file if the predictions matter.`,
      ),
    );
}

/** Up to the end of the last whole line: what follows is being written, or is what a killed process had written of it. */
async function wholeBytes(path: string): Promise<number> {
  const { size } = await stat(path);
  const file = await open(path, 'r');
  try {
    const piece = Buffer.alloc(64 * 1024);
    for (let end = size; end > 0; ) {
      const start = Math.max(0, end - piece.length);
      const { bytesRead } = await file.read(piece, 0, end - start, start);
      const newline = piece.subarray(0, bytesRead).lastIndexOf(10);
      if (newline !== -1) return start + newline + 1;
      end = start;
    }
    return 0;
  } finally {
    await file.close();
  }
}
