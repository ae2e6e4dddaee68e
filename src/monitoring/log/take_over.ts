import { setImmediate as turn } from 'node:timers/promises';
import type { ErrorCode } from '../../errors.ts';
import type { PredictionEntry } from '../../serving/prediction_sink.ts';
import type { Database } from '../../storage/database.ts';
import type { PredictionRow } from '../../storage/schema.ts';
import { segmentsOf } from './segment.ts';
import { encodeSegment, insertSegments } from './segment_store.ts';

/** Rows of one transaction: few enough to hold up nobody. */
const stepRows = 1000;

/**
 * Takes the rows of the table `predictions`, where the log was kept before there were segments (and where servers
 * of such a release that still run keep it), over into segments. Exactly once: rows are deleted in the transaction
 * that inserts their segment, which is undone when another process has deleted any of them first.
 */
export async function takeOverRows(database: Database): Promise<void> {
  for (;;) {
    const rows = await database
      .selectFrom('predictions')
      .selectAll()
      .orderBy('model_id')
      .orderBy('version')
      .orderBy('at')
      .limit(stepRows)
      .execute();
    if (rows.length === 0) return;
    const segments = segmentsOf(rows.map(entryOf)).map(encodeSegment);
    const ids = rows.map(({ prediction_id }) => prediction_id);
    await database
      .transaction()
      .execute(async (transaction) => {
        const { numDeletedRows } = await transaction
          .deleteFrom('predictions')
          .where('prediction_id', 'in', ids)
          .executeTakeFirstOrThrow();
        if (Number(numDeletedRows) < ids.length) throw takenByAnother;
        await insertSegments(transaction, segments);
      })
      .catch((error: unknown) => {
        if (error !== takenByAnother) throw error;
      });
    await turn();
  }
}

const takenByAnother = new Error('taken over by another process');

function entryOf(row: PredictionRow): PredictionEntry {
  const features = row.features === null ? null : parsePairs(row.features);
  const code = knownCode(row.error_code);
  return {
    at: row.at,
    modelId: row.model_id,
    version: row.version,
    route: knownRoute(row.route),
    entityKey: row.entity_key,
    latencyMs: row.latency_ms,
    predictionIds: [row.prediction_id],
    features: features?.map(([name, value]) => [name, [value]]) ?? null,
    values: [row.value === null ? null : JSON.parse(row.value)],
    probabilities: [row.probabilities === null ? null : JSON.parse(row.probabilities)],
    error: code === null ? null : { code, message: row.error_message ?? '' },
  };
}

function parsePairs(text: string): [string, unknown][] {
  return JSON.parse(text);
}

function knownRoute(route: string): PredictionEntry['route'] {
  const known = (['active', 'weighted', 'pinned', 'fallback', 'shadow'] as const).find(
    (name) => name === route,
  );
  return known ?? 'active';
}

function knownCode(code: string | null): ErrorCode | null {
  if (code === null) return null;
  const failures = ['TIMEOUT', 'ENGINE_CRASHED', 'INFERENCE_FAILED', 'ARTIFACT_MISMATCH'] as const;
  return failures.find((failure) => failure === code) ?? 'INTERNAL';
}
