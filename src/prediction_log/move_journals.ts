import { existsSync } from 'node:fs';
import { open, readdir, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import type { Transaction } from 'kysely';
import { watchEntries } from '../change_detectors/index.ts';
import { systemCodeOf } from '../errors.ts';
import type { PredictionEntry } from '../serving/prediction_sink.ts';
import type { Database } from '../storage/database.ts';
import type { Tables } from '../storage/schema.ts';
import { loggedByAnother, markLogged, withoutLogged } from './caller_ids.ts';
import { isJournal, isLeftover, isSegmentFile, type Journal, parseEntry } from './journal.ts';
import { journalDirectory } from './journal_directory.ts';
import { segmentsOf } from './segment.ts';
import { readSegmentFile } from './segment_file.ts';
import { type EncodedSegment, encodeSegment, insertSegments } from './segment_store.ts';
import { holdSeen, outcomesChanged, type SeenSegments, withPrimaryOutcomes } from './shadow_outcomes.ts';
import { addToCounts } from './totals.ts';

/** PostgreSQL's code where transactions waited for each other, and this one was undone. */
const deadlock = '40P01';

/** How much of a journal one transaction moves: small enough to hold up nobody. */
const stepBytes = 256 * 1024;

/**
 * Moves all whole lines of all journals in `directory`, and the segments that wait there, to the database and deletes the
 * finished journals.
 * A journal is moved as far as it went when its turn came: what is written meanwhile is the next call's, since a mover that
 * follows its writer line by line makes a transaction for every few rows and never ends.
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
  const found = await readdir(folder).catch(() => []);
  for (const name of found.filter(isLeftover)) await unlink(join(folder, name)).catch(() => undefined);
  const names = found.filter(isJournal).sort();
  let unreadable = 0;
  for (const name of names) {
    const isSegment = isSegmentFile(name);
    const finished = isSegment || journal.isFinished(name);
    const move = isSegment ? moveSegment : moveJournal;
    unreadable += await move(database, join(folder, name), name);
    if (!finished) continue;
    // First the file, then its row: a row without a file is harmless, but a file without its row would be moved
    // again.
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
    const { size: end } = await file.stat();
    for (;;) {
      const row = await database
        .selectFrom('journals')
        .select('bytes_moved')
        .where('journal', '=', name)
        .executeTakeFirst();
      const from = row?.bytes_moved ?? 0;
      if (from >= end) return unreadable;
      const lines = await wholeLines(file, from);
      if (lines.length === 0) return unreadable;
      const entries = lines.toString('utf8').split('\n').slice(0, -1).map(parseEntry);
      const readable = entries.filter((entry) => entry !== undefined);
      // Encoded before the transaction, to keep that short, with a turn for other calls in between.
      await turn();
      const unlogged = await withoutLogged(database, readable);
      const known = await withPrimaryOutcomes(database, unlogged);
      const segments = segmentsOf(known.entries);
      await turn();
      const encoded = segments.map((segment) => encodeSegment(segment));
      const step = {
        path,
        journal: name,
        from,
        to: from + lines.length,
        entries: unlogged,
        segments: encoded,
        seen: known.seen,
      };
      const outcome = await database
        .transaction()
        .execute((transaction) => moveStep(transaction, step))
        .catch((error: unknown) => {
          const isOvertaken = error === loggedByAnother || error === outcomesChanged;
          if (!isOvertaken && systemCodeOf(error) !== deadlock) throw error;
          return 'to be done again' as const;
        });
      if (outcome === 'finished by another') return unreadable;
      if (outcome === 'moved') unreadable += entries.length - readable.length;
    }
  } finally {
    await file.close();
  }
}

/** @returns 1 for one that is damaged */
async function moveSegment(database: Database, path: string, name: string): Promise<number> {
  const waiting = await readSegmentFile(path).catch((error: unknown) => {
    if (systemCodeOf(error) === 'ENOENT') return 'moved by another' as const;
    throw error;
  });
  if (waiting === undefined) return 1;
  if (waiting === 'moved by another') return 0;
  const { segment, calls } = waiting;
  // As far as calls and rows are counted.
  const entries = calls.map(
    ({ rows, ...call }): PredictionEntry => ({
      ...call,
      entityKey: null,
      predictionIds: new Array(rows).fill(''),
      features: null,
      values: new Array(rows).fill(null),
      probabilities: [],
      error: null,
    }),
  );
  const step = { path, journal: name, from: 0, to: 1, entries, segments: [segment], seen: new Map() };
  for (;;) {
    const outcome = await database
      .transaction()
      .execute((transaction) => moveStep(transaction, step))
      .catch((error: unknown) => {
        if (systemCodeOf(error) !== deadlock) throw error;
        return 'to be done again' as const;
      });
    if (outcome !== 'to be done again') return 0;
  }
}

/** The whole lines from `position` on, about one step of them; at least one, however long. */
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
  /** What the outcomes of shadows' rows were read from. */
  seen: SeenSegments;
}

/** Does nothing when another process moved these lines first, or has finished the journal. */
async function moveStep(
  transaction: Transaction<Tables>,
  { path, journal, from, to, entries, segments, seen }: Step,
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
  // A finished journal's file is deleted before its row: without the file, this transaction inserted the row anew.
  if (!existsSync(path)) {
    await transaction.deleteFrom('journals').where('journal', '=', journal).execute();
    return 'finished by another';
  }
  await holdSeen(transaction, seen);
  await markLogged(transaction, entries);
  await insertSegments(transaction, segments);
  await addToCounts(transaction, journal, entries);
  await watchEntries(transaction, entries);
  return 'moved';
}
