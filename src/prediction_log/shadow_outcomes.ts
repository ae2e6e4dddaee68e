import type { Transaction } from 'kysely';
import { ModelYardError } from '../errors.ts';
import { actualReader } from '../registry/actual_value.ts';
import { findStoredVersion } from '../registry/lookup.ts';
import type { PredictionEntry } from '../serving/prediction_sink.ts';
import { primaryIdOf } from '../serving/shadow_id.ts';
import type { Database } from '../storage/database.ts';
import type { Tables } from '../storage/schema.ts';
import { readUnchanged } from './changing.ts';
import { valueAt } from './column.ts';
import { type LocatedRows, locatePredictions } from './locate.ts';
import { readParts } from './segment_store.ts';

/*
 * A shadow's rows have the outcomes of their primaries. record_outcomes writes them to rows that are in the log; a row
 * that reaches the log after its outcome gets it here. Moving a shadow's row reads the primary's outcome, and commits
 * only while that is unchanged; recording an outcome looks for the shadow's row after writing it. So whichever comes
 * second sees the first.
 */

/** Segments with the primaries of shadow rows, as they were when their outcomes were read. */
export type SeenSegments = ReadonlyMap<string, number>;

/** Thrown when outcomes were recorded, or segments merged, since they were read. */
export const outcomesChanged = new Error('outcomes of the primaries changed');

/** Gives the shadows' entries the outcomes that their primaries have in the log. */
export async function withPrimaryOutcomes(
  database: Database,
  entries: readonly PredictionEntry[],
): Promise<{ entries: PredictionEntry[]; seen: SeenSegments }> {
  const wanted = primariesByModel(entries);
  return readUnchanged(async () => {
    const seen = new Map<string, number>();
    const outcomes = new Map<string, ReadonlyMap<string, unknown>>();
    for (const [modelId, ids] of wanted) {
      const known = new Map<string, unknown>();
      for (const located of await locatePredictions(database, modelId, [...ids])) {
        seen.set(located.segmentId, located.revision);
        await readOutcomes(database, located, known);
      }
      if (known.size > 0) outcomes.set(modelId, known);
    }
    if (outcomes.size === 0) return { entries: [...entries], seen };
    const given: PredictionEntry[] = [];
    for (const entry of entries) given.push(await withOutcomes(database, entry, outcomes.get(entry.modelId)));
    return { entries: given, seen };
  });
}

/**
 * Holds the segments until the transaction ends.
 * @throws outcomesChanged when one of them is not as it was read
 */
export async function holdSeen(transaction: Transaction<Tables>, seen: SeenSegments): Promise<void> {
  // In one order, so that two transactions do not wait for one another.
  for (const [segmentId, revision] of [...seen].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const { numUpdatedRows } = await transaction
      .updateTable('prediction_segments')
      .set({ revision })
      .where('segment_id', '=', segmentId)
      .where('revision', '=', revision)
      .executeTakeFirst();
    if (numUpdatedRows === 0n) throw outcomesChanged;
  }
}

function isAnsweredShadow({ route, error }: PredictionEntry): boolean {
  return route === 'shadow' && error === null;
}

/** The ids of primaries that are not among the entries themselves: those are new, and have no outcome yet. */
function primariesByModel(entries: readonly PredictionEntry[]): Map<string, Set<string>> {
  const models = new Map<string, Set<string>>();
  for (const entry of entries.filter(isAnsweredShadow)) {
    const ids = models.get(entry.modelId) ?? new Set();
    models.set(entry.modelId, ids);
    for (const id of entry.predictionIds) ids.add(primaryIdOf(id));
  }
  for (const entry of entries) for (const id of entry.predictionIds) models.get(entry.modelId)?.delete(id);
  return models;
}

async function readOutcomes(
  database: Database,
  { segmentId, found }: LocatedRows,
  into: Map<string, unknown>,
): Promise<void> {
  // A segment that was merged meanwhile has none, which holdSeen detects.
  const column = (await readParts(database, segmentId, ['outcomes'])).get('outcomes')?.read().get('actual');
  if (column === undefined) return;
  for (const { predictionId, row } of found) {
    const actual = valueAt(column, row);
    if (actual !== null) into.set(predictionId, actual);
  }
}

async function withOutcomes(
  database: Database,
  entry: PredictionEntry,
  known: ReadonlyMap<string, unknown> | undefined,
): Promise<PredictionEntry> {
  if (known === undefined || !isAnsweredShadow(entry)) return entry;
  const given = entry.predictionIds.map((id) => known.get(primaryIdOf(id)));
  if (given.every((actual) => actual === undefined)) return entry;
  const read = await shadowActualReader(database, entry.modelId, entry.version);
  return read === undefined ? entry : { ...entry, outcomes: given.map(read) };
}

/**
 * Reads actual values as a shadow version would have answered them, null for what it cannot answer; undefined when the
 * version was deleted since, or what is stored of it is damaged.
 */
export async function shadowActualReader(
  database: Database,
  modelId: string,
  version: string,
): Promise<((given: unknown) => unknown) | undefined> {
  try {
    const { stored } = await findStoredVersion(database, modelId, version);
    if ('damage' in stored) return undefined;
    const read = actualReader(stored.record);
    return (given) => {
      const actual = read(given);
      return actual.kind === 'value' ? actual.value : null;
    };
  } catch (error) {
    if (error instanceof ModelYardError && error.code === 'VERSION_NOT_FOUND') return undefined;
    throw error;
  }
}
