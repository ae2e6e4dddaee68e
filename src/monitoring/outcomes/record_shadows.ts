import { setImmediate as turn } from 'node:timers/promises';
import { readUnchanged } from '../../prediction_log/changing.ts';
import { locatePredictions } from '../../prediction_log/locate.ts';
import { shadowActualReader } from '../../prediction_log/shadow_outcomes.ts';
import { possibleShadowIds, primaryIdOf } from '../../serving/shadow_id.ts';
import type { Database } from '../../storage/database.ts';
import { isMissingCell } from '../../tables/cells.ts';
import type { GivenOutcome } from './given_outcomes.ts';
import { nothingIfCancelled, writeOutcomes } from './write_outcomes.ts';

/** So many ids are dealt with before others have their turn. */
const idsATurn = 4096;

/**
 * Gives outcomes to the rows of shadows of the predictions as well. Those that come to the log later get them there, see
 * prediction_log/shadow_outcomes.ts, so their primaries' are to be written before.
 * @param wanted by the primaries' ids
 * @param signal stops it between segments; the same call again records the rest
 * @returns rows whose outcome is new, and rows of versions that cannot answer such a value
 */
export async function recordShadows(
  database: Database,
  modelId: string,
  wanted: ReadonlyMap<string, GivenOutcome>,
  signal: AbortSignal | undefined,
  now: number,
): Promise<{ rows: number; unreadable: number }> {
  const counts = { rows: 0, unreadable: 0 };
  const known = await database
    .selectFrom('shadow_totals')
    .select('model_id')
    .where('model_id', '=', modelId)
    .limit(1)
    .executeTakeFirst();
  if (known === undefined) return counts;
  const ids: string[] = [];
  for (const [index, id] of [...wanted.keys()].entries()) {
    ids.push(...possibleShadowIds(id));
    if (index % idsATurn === 0) await turn();
  }
  // Segments that were merged into others between reading and writing are looked for again.
  await readUnchanged(async () => {
    counts.unreadable = 0;
    for (const segment of await locatePredictions(database, modelId, ids, 'answered_shadows')) {
      const read = await shadowActualReader(database, modelId, segment.version);
      if (read === undefined) continue;
      const actuals = new Map<string, unknown>();
      for (const { predictionId } of segment.found) {
        const given = wanted.get(primaryIdOf(predictionId))?.actual;
        const actual = read(given);
        actuals.set(predictionId, actual);
        if (actual === null && !isMissing(given)) counts.unreadable++;
      }
      const written = await writeOutcomes(database, segment, actuals, now, signal).catch(nothingIfCancelled);
      if (written === undefined) return;
      counts.rows += written.matched;
      await turn();
    }
  });
  return counts;
}

function isMissing(given: unknown): boolean {
  return given === null || given === undefined || (typeof given === 'string' && isMissingCell(given.trim()));
}
