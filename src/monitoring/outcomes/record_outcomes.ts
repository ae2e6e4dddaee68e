import { setImmediate as turn } from 'node:timers/promises';
import { appendAudit } from '../../access/audit.ts';
import type { Origin } from '../../access/origin.ts';
import { ModelYardError } from '../../errors.ts';
import { actualReader } from '../../registry/actual_value.ts';
import { findVersion, requireModel } from '../../registry/lookup.ts';
import type { Database } from '../../storage/database.ts';
import { readUnchanged, segmentGone } from '../log/changing.ts';
import { columnOf, valueAt } from '../log/column.ts';
import { openBlob } from '../log/column_blob.ts';
import { encodeOutcomes, knownOutcomes, readPartBytes } from '../log/segment_store.ts';
import { type GivenOutcome, type GivenOutcomes, readGivenOutcomes } from './given_outcomes.ts';
import { type LocatedRows, locatePredictions } from './locate.ts';

export interface OutcomeDependencies {
  database: Database;
  /** Brings every prediction that was answered into the database. */
  flushLog: () => Promise<void>;
  allowedRoots: readonly string[];
  clock: () => number;
}

export interface OutcomeReport {
  /** Predictions whose outcome was recorded by this call, those included whose earlier one it replaced. */
  matched: number;
  /** Of those matched: had another outcome before, which was replaced. */
  replaced: number;
  /** Had the same outcome already. */
  alreadySet: number;
  /** Rows without an actual, which were passed over. */
  empty: number;
  /** Ids of predictions that the log does not have: never made, of another model, or expired. */
  unknown: string[];
  warnings: string[];
}

/**
 * Records what really was, by prediction id: late, in any order and repeated as one likes. What was recorded before is
 * replaced by what comes later, since labels are corrected, and counted as replaced; of several in one call the last
 * one counts. When a value is not of the model's kind nothing is recorded. What is recorded is in the database when
 * this returns; the audit trail says how much it was, after all of it is written.
 * @throws MODEL_NOT_FOUND, INVALID_INPUT naming the first rows that are wrong, PATH_NOT_ALLOWED, LIMIT_EXCEEDED
 */
export async function recordOutcomes(
  { database, flushLog, allowedRoots, clock }: OutcomeDependencies,
  modelId: string,
  given: GivenOutcomes,
  origin: Origin,
): Promise<OutcomeReport> {
  await requireModel(database, modelId);
  const rows = await readGivenOutcomes(given, allowedRoots);
  await flushLog();
  // Of several outcomes of one prediction the last counts.
  const wanted = new Map<string, GivenOutcome>();
  for (const [index, row] of rows.entries()) {
    wanted.set(row.predictionId, row);
    if (index % rowsATurn === 0) await turn();
  }
  const report = { matched: 0, replaced: 0, alreadySet: rows.length - wanted.size, empty: 0 };
  const unlisted = new Set<string>();
  const recorded = new Set<string>();
  // Segments that were merged into others between reading and writing are looked for again.
  await readUnchanged(async () => {
    const left = [...wanted.keys()].filter((id) => !recorded.has(id));
    await turn();
    const located = await locatePredictions(database, modelId, left);
    const read = await readActuals(database, modelId, located, wanted);
    for (const label of read.unlisted) unlisted.add(label);
    for (const segment of located) {
      const written = await writeOutcomes(database, segment, read.actuals);
      report.matched += written.matched;
      report.replaced += written.replaced;
      report.alreadySet += written.alreadySet;
      report.empty += written.empty;
      await turn();
      for (const { predictionId } of segment.found) recorded.add(predictionId);
      await turn();
    }
  });
  const unknown = [...wanted.keys()].filter((id) => !recorded.has(id));
  const { matched, replaced, alreadySet, empty } = report;
  const after = { matched, replaced, already_set: alreadySet, empty, unknown: unknown.length };
  await database
    .transaction()
    .execute((transaction) =>
      appendAudit(
        transaction,
        origin,
        { modelId, version: undefined, before: undefined, after, outcome: 'done' },
        clock(),
      ),
    );
  return {
    ...report,
    unknown,
    warnings:
      unlisted.size === 0
        ? []
        : [
            `Recorded, but none of the model's classes: ${[...unlisted].slice(0, 10).join(', ')}${unlisted.size > 10 ? ', …' : ''}.`,
          ],
  };
}

/** So many rows of a call are dealt with before others have their turn. */
const rowsATurn = 4096;
const shownFaults = 10;

/** The given values as the predictions' versions answer them; null for one that is missing. */
async function readActuals(
  database: Database,
  modelId: string,
  located: readonly LocatedRows[],
  wanted: ReadonlyMap<string, GivenOutcome>,
): Promise<{ actuals: Map<string, unknown>; unlisted: Set<string> }> {
  const readers = new Map<string, ReturnType<typeof actualReader>>();
  const actuals = new Map<string, unknown>();
  const unlisted = new Set<string>();
  const faults: string[] = [];
  for (const { version, found } of located) {
    const read = readers.get(version) ?? actualReader(await findVersion(database, modelId, version));
    readers.set(version, read);
    for (const [index, { predictionId }] of found.entries()) {
      if (index % rowsATurn === 0) await turn();
      const given = wanted.get(predictionId);
      const actual = read(given?.actual);
      if (actual.kind === 'wrong')
        faults.push(`${given?.place}: ${shown(given?.actual)} is not ${actual.expected}`);
      actuals.set(predictionId, actual.kind === 'value' ? actual.value : null);
      if (actual.kind === 'value' && actual.isUnlisted) unlisted.add(String(actual.value));
    }
    await turn();
  }
  if (faults.length > 0)
    throw new ModelYardError(
      'INVALID_INPUT',
      `${faults.length} outcomes are not of the kind that ${modelId} predicts. ${faults.slice(0, shownFaults).join('; ')}${faults.length > shownFaults ? '; …' : ''}.`,
      'Correct them; nothing was recorded.',
    );
  return { actuals, unlisted };
}

function shown(value: unknown): string {
  return (JSON.stringify(value) ?? String(value)).slice(0, 60);
}

/** As JSON; most are texts or numbers, which need no text made of them. */
function isSame(one: unknown, other: unknown): boolean {
  return one === other || (typeof one === 'object' && JSON.stringify(one) === JSON.stringify(other));
}

/** @throws segmentGone when the segment was changed since it was read */
async function writeOutcomes(
  database: Database,
  { segmentId, rows, revision, found }: LocatedRows,
  actuals: ReadonlyMap<string, unknown>,
): Promise<Omit<OutcomeReport, 'unknown' | 'warnings'>> {
  const before = (await readPartBytes(database, segmentId, ['outcomes'])).get('outcomes');
  const column = before && openBlob(before).read().get('actual');
  const values = Array.from({ length: rows }, (_, row) =>
    column === undefined ? null : valueAt(column, row),
  );
  const counts = { matched: 0, replaced: 0, alreadySet: 0, empty: 0 };
  for (const { predictionId, row } of found) {
    const actual = actuals.get(predictionId) ?? null;
    const known = values[row];
    if (actual === null) counts.empty++;
    else if (isSame(known, actual)) counts.alreadySet++;
    else {
      counts.matched++;
      if (known !== null) counts.replaced++;
      values[row] = actual;
    }
  }
  if (counts.matched === 0) return counts;
  await turn();
  const outcomes = columnOf(values);
  const { bytes } = encodeOutcomes(outcomes);
  await turn();
  await database.transaction().execute(async (transaction) => {
    const { numUpdatedRows } = await transaction
      .updateTable('prediction_segments')
      .set((eb) => ({
        revision: revision + 1,
        outcomes: knownOutcomes(outcomes),
        bytes: eb('bytes', '+', bytes.length - (before?.length ?? 0)),
      }))
      .where('segment_id', '=', segmentId)
      .where('revision', '=', revision)
      .executeTakeFirst();
    if (numUpdatedRows === 0n) throw segmentGone;
    await transaction
      .insertInto('prediction_segment_parts')
      .values({ segment_id: segmentId, part: 'outcomes', bytes })
      .onConflict((conflict) => conflict.columns(['segment_id', 'part']).doUpdateSet({ bytes }))
      .execute();
  });
  return counts;
}
