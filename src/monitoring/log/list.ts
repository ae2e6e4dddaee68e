import { z } from 'zod';
import { ModelYardError } from '../../errors.ts';
import { findVersion, requireModel } from '../../registry/lookup.ts';
import type { Database } from '../../storage/database.ts';
import type { PredictionRow } from '../../storage/schema.ts';

export interface PredictionQuery {
  modelId: string;
  version?: string | undefined;
  since?: number | undefined;
  predictionId?: string | undefined;
  onlyErrors: boolean;
  limit: number;
  cursor?: string | undefined;
}

export interface LoggedPrediction {
  predictionId: string;
  version: string;
  at: number;
  route: string;
  entityKey: string | null;
  latencyMs: number;
  features: [string, unknown][] | null;
  value: unknown;
  probabilities: [string, number][] | null;
  error: string | null;
}

/**
 * Logged predictions, newest first, a page at a time.
 * @throws MODEL_NOT_FOUND, VERSION_NOT_FOUND, INVALID_INPUT for a cursor that was not given out
 */
export async function listPredictions(
  database: Database,
  query: PredictionQuery,
): Promise<{ total: number; predictions: LoggedPrediction[]; nextCursor: string | null }> {
  if (query.version === undefined) await requireModel(database, query.modelId);
  else await findVersion(database, query.modelId, query.version);
  let matching = database.selectFrom('predictions').where('model_id', '=', query.modelId);
  if (query.version !== undefined) matching = matching.where('version', '=', query.version);
  if (query.since !== undefined) matching = matching.where('at', '>=', query.since);
  if (query.predictionId !== undefined) matching = matching.where('prediction_id', '=', query.predictionId);
  if (query.onlyErrors) matching = matching.where('error_code', 'is not', null);
  const { total } = await matching
    .select((eb) => eb.fn.countAll<number>().as('total'))
    .executeTakeFirstOrThrow();
  let page = matching.selectAll();
  if (query.cursor !== undefined) {
    const [at, id] = parseCursor(query.cursor);
    page = page.where((eb) =>
      eb.or([eb('at', '<', at), eb.and([eb('at', '=', at), eb('prediction_id', '<', id)])]),
    );
  }
  const rows = await page
    .orderBy('at', 'desc')
    .orderBy('prediction_id', 'desc')
    .limit(query.limit + 1)
    .execute();
  const shown = rows.slice(0, query.limit);
  const last = rows.length > query.limit ? shown.at(-1) : undefined;
  return {
    total: Number(total),
    predictions: shown.map(describeRow),
    nextCursor:
      last === undefined
        ? null
        : Buffer.from(JSON.stringify([last.at, last.prediction_id])).toString('base64url'),
  };
}

const pairs = z.array(z.tuple([z.string(), z.unknown()]));
const probabilityPairs = z.array(z.tuple([z.string(), z.number()]));

function describeRow(row: PredictionRow): LoggedPrediction {
  return {
    predictionId: row.prediction_id,
    version: row.version,
    at: row.at,
    route: row.route,
    entityKey: row.entity_key,
    latencyMs: row.latency_ms,
    features: row.features === null ? null : pairs.parse(JSON.parse(row.features)),
    value: row.value === null ? null : JSON.parse(row.value),
    probabilities: row.probabilities === null ? null : probabilityPairs.parse(JSON.parse(row.probabilities)),
    error: row.error_code === null ? null : `${row.error_code}: ${row.error_message}`,
  };
}

function parseCursor(cursor: string): [number, string] {
  try {
    return z
      .tuple([z.number(), z.string()])
      .parse(JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8')));
  } catch {
    throw new ModelYardError(
      'INVALID_INPUT',
      'cursor is not one that list_predictions gave.',
      'Pass next_cursor unchanged.',
    );
  }
}
