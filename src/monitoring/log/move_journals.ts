import { existsSync } from 'node:fs';
import { open, readdir, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { CompiledQuery, type Transaction } from 'kysely';
import type { PredictionEntry } from '../../serving/prediction_sink.ts';
import type { Database } from '../../storage/database.ts';
import type { PredictionRow, Tables } from '../../storage/schema.ts';
import { isJournal, type Journal, journalDirectory, parseEntry } from './journal.ts';
import { latencySketch, sketchFromText, sketchToText } from './latency.ts';

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
      const outcome = await database
        .transaction()
        .execute((transaction) => moveEntries(transaction, path, name, from, from + lines.length, readable));
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

/** Changes nothing when another process moved these lines first, or even finished the journal. */
async function moveEntries(
  transaction: Transaction<Tables>,
  path: string,
  journal: string,
  from: number,
  to: number,
  entries: readonly PredictionEntry[],
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
  await insertPredictions(transaction, entries.flatMap(predictionRows));
  const answered = entries.filter((entry) => entry.shadow === undefined);
  await addToTotals(transaction, answered);
  await addToMinutes(transaction, journal, answered);
  await addToShadowTotals(transaction, entries);
  return 'moved';
}

/** PostgreSQL has no place for a NUL in text. */
function storable(text: string): string {
  return text.replaceAll('\0', '\uFFFD');
}

function storableOrNull(text: string | null): string | null {
  return text === null ? null : storable(text);
}

/** Rows of one insert statement; each size is compiled once, since that costs more than running it. */
const insertSizes = [100, 10, 1];
const insertStatements = new Map<string, string>();

async function insertPredictions(
  transaction: Transaction<Tables>,
  rows: readonly PredictionRow[],
): Promise<void> {
  let start = 0;
  for (const size of insertSizes)
    for (; rows.length - start >= size; start += size) {
      const inserted = rows.slice(start, start + size);
      // predictionRows gives every row its columns in one order, which is the order of the statement's parameters.
      const parameters = inserted.flatMap((row) => Object.values(row));
      await transaction.executeQuery(CompiledQuery.raw(insertStatement(transaction, inserted), parameters));
    }
}

/** The statement that inserts as many rows as given, in the dialect of the transaction's database. */
function insertStatement(transaction: Transaction<Tables>, rows: readonly PredictionRow[]): string {
  const key = `${transaction.getExecutor().adapter.constructor.name} ${rows.length}`;
  const known = insertStatements.get(key);
  if (known !== undefined) return known;
  const { sql } = transaction
    .insertInto('predictions')
    .values(rows)
    .onConflict((conflict) => conflict.column('prediction_id').doNothing())
    .compile();
  insertStatements.set(key, sql);
  return sql;
}

function predictionRows(entry: PredictionEntry): PredictionRow[] {
  return entry.predictionIds.map((prediction_id, row) => ({
    prediction_id,
    model_id: entry.modelId,
    version: entry.version,
    at: entry.at,
    route: entry.route,
    entity_key: storableOrNull(entry.entityKeys?.[row] ?? entry.entityKey),
    latency_ms: entry.latencyMs,
    features:
      entry.features === null
        ? null
        : JSON.stringify(entry.features.map(([name, values]) => [name, values[row] ?? null])),
    value: entry.error === null ? JSON.stringify(entry.values[row] ?? null) : null,
    probabilities: entry.probabilities[row] ? JSON.stringify(entry.probabilities[row]) : null,
    error_code: entry.error?.code ?? null,
    error_message: entry.error === null ? null : storable(entry.error.message),
  }));
}

/** Groups in the order of their keys, so that concurrent transactions lock rows in one order. */
function grouped(
  entries: readonly PredictionEntry[],
  keyOf: (entry: PredictionEntry) => string,
): PredictionEntry[][] {
  const groups = new Map<string, PredictionEntry[]>();
  for (const entry of entries) {
    const key = keyOf(entry);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [entry]);
    else group.push(entry);
  }
  return [...groups].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, group]) => group);
}

async function addToTotals(
  transaction: Transaction<Tables>,
  entries: readonly PredictionEntry[],
): Promise<void> {
  for (const group of grouped(entries, (entry) => `${entry.modelId}@${entry.version}`)) {
    const [first] = group;
    if (first === undefined) continue;
    const failed = group.filter((entry) => entry.error !== null);
    const lastFailed = failed.reduce<PredictionEntry | undefined>(
      (last, entry) => (last === undefined || entry.at >= last.at ? entry : last),
      undefined,
    );
    await transaction
      .insertInto('serving_totals')
      .values({
        model_id: first.modelId,
        version: first.version,
        calls: group.length,
        rows: group.reduce((sum, entry) => sum + entry.values.length, 0),
        errors: failed.length,
        last_call_at: Math.max(...group.map((entry) => entry.at)),
        last_error_at: lastFailed?.at ?? null,
        last_error: lastFailed?.error
          ? `${lastFailed.error.code}: ${storable(lastFailed.error.message)}`
          : null,
      })
      .onConflict((conflict) =>
        conflict.columns(['model_id', 'version']).doUpdateSet((eb) => {
          // Journals are not moved in the order of time.
          const isLaterError = eb(
            'excluded.last_error_at',
            '>=',
            eb.fn.coalesce('serving_totals.last_error_at', eb.lit(0)),
          );
          return {
            calls: eb('serving_totals.calls', '+', eb.ref('excluded.calls')),
            rows: eb('serving_totals.rows', '+', eb.ref('excluded.rows')),
            errors: eb('serving_totals.errors', '+', eb.ref('excluded.errors')),
            last_call_at: eb
              .case()
              .when('excluded.last_call_at', '>', eb.ref('serving_totals.last_call_at'))
              .then(eb.ref('excluded.last_call_at'))
              .else(eb.ref('serving_totals.last_call_at'))
              .end(),
            last_error_at: eb
              .case()
              .when(isLaterError)
              .then(eb.ref('excluded.last_error_at'))
              .else(eb.ref('serving_totals.last_error_at'))
              .end(),
            last_error: eb
              .case()
              .when(isLaterError)
              .then(eb.ref('excluded.last_error'))
              .else(eb.ref('serving_totals.last_error'))
              .end(),
          };
        }),
      )
      .execute();
  }
}

const minuteMs = 60_000;

async function addToMinutes(
  transaction: Transaction<Tables>,
  journal: string,
  entries: readonly PredictionEntry[],
): Promise<void> {
  const minuteOf = (entry: PredictionEntry) => Math.floor(entry.at / minuteMs) * minuteMs;
  for (const group of grouped(entries, (entry) => `${entry.modelId}@${entry.version}@${minuteOf(entry)}`)) {
    const [first] = group;
    if (first === undefined) continue;
    const key = { model_id: first.modelId, version: first.version, minute: minuteOf(first), journal };
    const before = await transaction
      .selectFrom('serving_minutes')
      .select(['calls', 'errors', 'latency'])
      .where('model_id', '=', key.model_id)
      .where('version', '=', key.version)
      .where('minute', '=', key.minute)
      .where('journal', '=', journal)
      .executeTakeFirst();
    const sketch = before === undefined ? latencySketch() : sketchFromText(before.latency);
    for (const entry of group) sketch.accept(entry.latencyMs);
    const after = {
      calls: (before?.calls ?? 0) + group.length,
      errors: (before?.errors ?? 0) + group.filter((entry) => entry.error !== null).length,
      latency: sketchToText(sketch),
    };
    await transaction
      .insertInto('serving_minutes')
      .values({ ...key, ...after })
      .onConflict((conflict) =>
        conflict.columns(['model_id', 'version', 'minute', 'journal']).doUpdateSet(after),
      )
      .execute();
  }
}

async function addToShadowTotals(
  transaction: Transaction<Tables>,
  entries: readonly PredictionEntry[],
): Promise<void> {
  const shadows = entries.filter((entry) => entry.shadow !== undefined);
  const keyOf = (entry: PredictionEntry) =>
    `${entry.modelId}@${entry.version}@${entry.shadow?.primaryVersion}`;
  for (const group of grouped(shadows, keyOf)) {
    const [first] = group;
    if (first?.shadow === undefined) continue;
    const answered = group.filter((entry) => entry.error === null);
    await transaction
      .insertInto('shadow_totals')
      .values({
        model_id: first.modelId,
        shadow_version: first.version,
        primary_version: first.shadow.primaryVersion,
        calls: group.length,
        errors: group.length - answered.length,
        rows: answered.reduce((sum, entry) => sum + entry.values.length, 0),
        agreed: answered.reduce((sum, entry) => sum + (entry.shadow?.agreed ?? 0), 0),
      })
      .onConflict((conflict) =>
        conflict.columns(['model_id', 'shadow_version', 'primary_version']).doUpdateSet((eb) => ({
          calls: eb('shadow_totals.calls', '+', eb.ref('excluded.calls')),
          errors: eb('shadow_totals.errors', '+', eb.ref('excluded.errors')),
          rows: eb('shadow_totals.rows', '+', eb.ref('excluded.rows')),
          agreed: eb('shadow_totals.agreed', '+', eb.ref('excluded.agreed')),
        })),
      )
      .execute();
  }
}
