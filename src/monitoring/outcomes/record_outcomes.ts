import { setImmediate as turn } from 'node:timers/promises';
import { appendAudit } from '../../access/audit.ts';
import type { Origin } from '../../access/origin.ts';
import { ModelYardError } from '../../errors.ts';
import type { ReadableFiles } from '../../files/file_access.ts';
import { readUnchanged } from '../../prediction_log/changing.ts';
import { type LocatedRows, locatePredictions } from '../../prediction_log/locate.ts';
import { type OutcomeTimes, whereOutcomesLie } from '../../prediction_log/where_outcomes_lie.ts';
import { actualReader } from '../../registry/actual_value.ts';
import { findStoredVersion, requireModel } from '../../registry/lookup.ts';
import type { Database } from '../../storage/database.ts';
import { requireWanted } from '../../storage/wanted.ts';
import { type GivenOutcome, type GivenOutcomes, readGivenOutcomes } from './given_outcomes.ts';
import { recordShadows } from './record_shadows.ts';
import { nothingIfCancelled, writeOutcomes } from './write_outcomes.ts';

export interface OutcomeDependencies extends ReadableFiles {
  database: Database;
  /** Brings every prediction that was answered into the database. */
  flushLog: () => Promise<void>;
  clock: () => number;
}

export interface OutcomeReport {
  /** Predictions whose outcome was recorded by this call, those included whose earlier one it replaced. */
  matched: number;
  /** Of those matched: had another outcome before, which was replaced. */
  replaced: number;
  /** Had the same outcome already, and rows that a later one of the call replaced. */
  alreadySet: number;
  /** Of those: rows of a prediction that a later row of the call names too. */
  repeated: number;
  /** Rows without an actual, which were passed over. */
  empty: number;
  /** Ids of predictions that the log does not have: never made, of another model, or expired. */
  unknown: string[];
  /** Rows of shadow versions that answered the same and got their outcome by this call too. */
  shadows: number;
  warnings: string[];
}

/**
 * Records outcomes (actual values) by prediction id: late, in any order and as often as wanted. What was recorded before is
 * replaced by what comes later, since labels are corrected, and counted as replaced; of several in one call the last
 * one counts. When a value is not of the model's kind nothing is recorded. What is recorded is in the database when
 * this returns; the audit trail says how much it was, after all of it is written.
 * @throws MODEL_NOT_FOUND, INVALID_INPUT naming the first rows that are wrong, PATH_NOT_ALLOWED, LIMIT_EXCEEDED
 */
export async function recordOutcomes(
  dependencies: OutcomeDependencies,
  modelId: string,
  given: GivenOutcomes,
  origin: Origin,
): Promise<OutcomeReport> {
  const { database, flushLog, clock } = dependencies;
  await requireModel(database, modelId);
  const rows = await readGivenOutcomes(given, dependencies);
  await flushLog();
  requireWanted(origin.signal);
  const wanted = await byPredictionId(database, modelId, rows);
  const report = { matched: 0, replaced: 0, alreadySet: rows.length - wanted.size, empty: 0 };
  const unlisted = new Set<string>();
  const recorded = new Set<string>();
  /** Of versions of which what is stored is damaged, so that nobody knows what they answer. */
  const ofDamaged = new Set<string>();
  let damage: ModelYardError | undefined;
  let isStopped = false;
  const made: OutcomeTimes = { count: 0, from: Number.POSITIVE_INFINITY, to: 0 };
  // Segments that were merged into others between reading and writing are looked for again.
  await readUnchanged(async () => {
    const left = [...wanted.keys()].filter((id) => !recorded.has(id));
    await turn();
    const located = await locatePredictions(database, modelId, left);
    const read = await readActuals(database, modelId, located, wanted);
    for (const label of read.unlisted) unlisted.add(label);
    for (const segment of located) {
      const damaged = read.damaged.get(segment.version);
      if (damaged !== undefined) {
        damage = damaged;
        for (const { predictionId } of segment.found) ofDamaged.add(predictionId);
        continue;
      }
      // What is recorded up to here stays, and the audit trail says how much; the same call again records the rest.
      const written = await writeOutcomes(database, segment, read.actuals, clock(), origin.signal).catch(
        nothingIfCancelled,
      );
      if (written === undefined) {
        isStopped = true;
        break;
      }
      report.matched += written.matched;
      report.replaced += written.replaced;
      report.alreadySet += written.alreadySet;
      report.empty += written.empty;
      await turn();
      for (const { predictionId } of segment.found) recorded.add(predictionId);
      made.count += segment.found.length;
      made.from = Math.min(made.from, segment.minAt);
      made.to = Math.max(made.to, segment.maxAt);
      await turn();
    }
  });
  if (recorded.size === 0 && damage !== undefined) throw damage;
  // After their primaries: a shadow's row that comes to the log from now on has its outcome from there.
  const shadows = isStopped
    ? { rows: 0, unreadable: 0 }
    : await recordShadows(database, modelId, wanted, origin.signal, clock());
  if (isStopped && recorded.size === 0) requireWanted(origin.signal);
  const unknown = [...wanted.keys()].filter((id) => !recorded.has(id) && !ofDamaged.has(id));
  const { matched, replaced, alreadySet, empty } = report;
  const after = {
    matched,
    replaced,
    already_set: alreadySet,
    empty,
    ...(shadows.rows > 0 && { shadows: shadows.rows }),
    ...(ofDamaged.size > 0 && { of_damaged_versions: ofDamaged.size }),
    ...(isStopped ? { cancelled_before: unknown.length } : { unknown: unknown.length }),
  };
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
    repeated: rows.length - wanted.size,
    unknown,
    shadows: shadows.rows,
    warnings: [
      ...(made.count > 0 && made.to < clock() - defaultWindowMs
        ? [`All are older than what get_performance looks at by default. ${whereOutcomesLie(made, clock())}.`]
        : []),
      ...(damage === undefined
        ? []
        : [`${ofDamaged.size} were not recorded. ${damage.message} ${damage.hint}`]),
      ...(shadows.unreadable === 0
        ? []
        : [
            `${shadows.unreadable} rows of a shadow version were left without: it answers values of another kind.`,
          ]),
      ...(unlisted.size === 0
        ? []
        : [
            `Recorded, but none of the model's classes: ${[...unlisted].slice(0, 10).join(', ')}${unlisted.size > 10 ? ', …' : ''}.`,
          ]),
    ],
  };
}

const defaultWindowMs = 24 * 3_600_000;

/** So many rows of a call are dealt with before others have their turn. */
const rowsATurn = 4096;
const shownFaults = 3;

const uuidPattern = /^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$/;

/**
 * The given rows by the ids of their predictions, in the order given; of several for one prediction the last counts.
 * Spaces around an id are removed. Spreadsheets and databases write UUIDs in capitals: one that the log does not have is
 * taken in lower case, as the server makes them. Ids that callers brought keep their capitals.
 */
async function byPredictionId(
  database: Database,
  modelId: string,
  rows: readonly GivenOutcome[],
): Promise<Map<string, GivenOutcome>> {
  const ids: string[] = [];
  const capitals: string[] = [];
  for (const [index, { predictionId }] of rows.entries()) {
    const id = predictionId.trim();
    ids.push(id);
    if (uuidPattern.test(id) && id !== id.toLowerCase()) capitals.push(id);
    if (index % rowsATurn === 0) await turn();
  }
  const located = await readUnchanged(() => locatePredictions(database, modelId, capitals));
  const known = new Set(located.flatMap(({ found }) => found.map(({ predictionId }) => predictionId)));
  const renamed = new Map(capitals.filter((id) => !known.has(id)).map((id) => [id, id.toLowerCase()]));
  const wanted = new Map<string, GivenOutcome>();
  for (const [index, row] of rows.entries()) {
    const id = ids[index] ?? '';
    wanted.set(renamed.get(id) ?? id, row);
    if (index % rowsATurn === 0) await turn();
  }
  return wanted;
}

/** The given values as the predictions' versions answer them; null for one that is missing. */
async function readActuals(
  database: Database,
  modelId: string,
  located: readonly LocatedRows[],
  wanted: ReadonlyMap<string, GivenOutcome>,
): Promise<{
  actuals: Map<string, unknown>;
  unlisted: Set<string>;
  damaged: Map<string, ModelYardError>;
}> {
  const readers = new Map<string, ReturnType<typeof actualReader>>();
  const actuals = new Map<string, unknown>();
  const unlisted = new Set<string>();
  const faults = new Map<string, string>();
  const damaged = new Map<string, ModelYardError>();
  for (const { version, found } of located) {
    if (damaged.has(version)) continue;
    let read = readers.get(version);
    if (read === undefined) {
      const { stored } = await findStoredVersion(database, modelId, version);
      if ('damage' in stored) {
        damaged.set(version, stored.damage);
        continue;
      }
      read = actualReader(stored.record);
      readers.set(version, read);
    }
    for (const [index, { predictionId }] of found.entries()) {
      if (index % rowsATurn === 0) await turn();
      const given = wanted.get(predictionId);
      const actual = read(given?.actual);
      if (actual.kind === 'wrong')
        faults.set(predictionId, `${given?.place}: ${shown(given?.actual)} is not ${actual.expected}`);
      actuals.set(predictionId, actual.kind === 'value' ? actual.value : null);
      if (actual.kind === 'value' && actual.isUnlisted) unlisted.add(String(actual.value));
    }
    await turn();
  }
  if (faults.size > 0) {
    const first = [...wanted.keys()].flatMap((id) => faults.get(id) ?? []).slice(0, shownFaults);
    const more = faults.size - first.length;
    throw new ModelYardError(
      'INVALID_INPUT',
      `${faults.size === 1 ? '1 outcome is' : `${faults.size} outcomes are`} not of the kind that ${modelId} predicts. ` +
        `${first.join('; ')}${more > 0 ? `; and ${more} more` : ''}.`,
      'Correct them; nothing was recorded.',
    );
  }
  return { actuals, unlisted, damaged };
}

function shown(value: unknown): string {
  return (JSON.stringify(value) ?? String(value)).slice(0, 60);
}
