import { existsSync } from 'node:fs';
import { open, readdir, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import type { Transaction } from 'kysely';
import type { PredictionEntry } from '../../serving/prediction_sink.ts';
import type { Database } from '../../storage/database.ts';
import type { Tables } from '../../storage/schema.ts';
import { watchEntries } from '../online/watch_log.ts';
import { isJournal, type Journal, journalDirectory, parseEntry } from './journal.ts';
import { segmentsOf } from './segment.ts';
import { type EncodedSegment, encodeSegment, insertSegments } from './segment_store.ts';
import { addToCounts } from './totals.ts';

/** How much of a journal one transaction moves: small enough to hold up nobody. */
const stepBytes = 256 * 1024;

/**
 * Moves all whole lines of all journals in `directory` to the database and deletes the finished journals.
 * Exactly once: how far a journal was moved is raised in the transaction that inserts its lines, and only
 * from where this process read, so of two processes that move the same lines one does nothing.
 * @returns the number of lines that could not be read.
 */
export async function moveJournals(
  database: Database,
  directory: string,
  journal: Pick<Journal, 'isFinished'>,
): Promise<number> {
  const folder = journalDirectory(directory);
  const names = (await readdir(folder).catch(() => [])).filter(isJournal).sort();
  let unreadable = 0;
  for (const name of names) {
    const finished = journal.isFinished(name);
    unreadable += await moveJournal(database, join(folder, name), name);
    if (!finished) continue;
    // First the file, then its row: a row without a file is harmless, a file without its row is moved again.
    await unlink(join(folder, name)).catch(() => undefined);
    await database.deleteFrom('journals').where('journal', '=', name).execute();
  }
  return unreadable;
}

async function moveJournal(database: Database, path: string, name: string): Promise<number> {
  let unreadable = 0;
  const file = await open(path, 'r').catch(() => undefined);
  if (file === undefined) return 0;
  try {
    for (;;) {
      const row = await database
        .selectFrom('journals')
        .select('bytes_moved')
        .where('journal', '=', name)
        .executeTakeFirst();
      const from = row?.bytes_moved ?? 0;
      const lines = await wholeLines(file, from);
      if (lines.length === 0) return unreadable;
      const entries = lines.toString('utf8').split('\n').slice(0, -1).map(parseEntry);
      const readable = entries.filter((entry) => entry !== undefined);
      // Before the transaction, which shall hold up nobody for longer than it must; with a turn for others in between.
      await turn();
      const segments = segmentsOf(readable);
      await turn();
      const encoded = segments.map(encodeSegment);
      const step = {
        path,
        journal: name,
        from,
        to: from + lines.length,
        entries: readable,
        segments: encoded,
      };
      const outcome = await database.transaction().execute((transaction) => moveStep(transaction, step));
      if (outcome === 'finished by another') return unreadable;
      if (outcome === 'moved') unreadable += entries.length - readable.length;
    }
  } finally {
    await file.close();
  }
}

/** The whole lines from `position` on, about one step of them (one line at least, however long). */
async function wholeLines(file: Awaited<ReturnType<typeof open>>, position: number): Promise<Buffer> {
  for (let size = stepBytes; ; size *= 4) {
    const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(size), 0, size, position);
    const end = buffer.subarray(0, bytesRead).lastIndexOf(10) + 1;
    if (end > 0 || bytesRead < size) return buffer.subarray(0, end);
  }
}

interface Step {
  path: string;
  journal: string;
  from: number;
  to: number;
  entries: readonly PredictionEntry[];
  /** The entries' rows. */
  segments: readonly EncodedSegment[];
}

/** Changes nothing when another process moved these lines first, or even finished the journal. */
async function moveStep(
  transaction: Transaction<Tables>,
  { path, journal, from, to, entries, segments }: Step,
): Promise<'moved' | 'moved by another' | 'finished by another'> {
  await transaction
    .insertInto('journals')
    .values({ journal, bytes_moved: 0 })
    .onConflict((conflict) => conflict.column('journal').doNothing())
    .execute();
  const { numUpdatedRows } = await transaction
    .updateTable('journals')
    .set({ bytes_moved: to })
    .where('journal', '=', journal)
    .where('bytes_moved', '=', from)
    .executeTakeFirst();
  if (numUpdatedRows === 0n) return 'moved by another';
  // Whoever finishes a journal deletes its file before its row: without the file, the row above was made anew.
  if (!existsSync(path)) {
    await transaction.deleteFrom('journals').where('journal', '=', journal).execute();
    return 'finished by another';
  }
  await insertSegments(transaction, segments);
  await addToCounts(transaction, journal, entries);
  await watchEntries(transaction, entries);
  return 'moved';
}
