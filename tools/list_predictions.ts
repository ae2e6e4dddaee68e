import { z } from 'zod';
import { defineTool } from './define_tool.ts';
import { cursor, isoTime, limit, modelId, timestamp, version } from './schemas.ts';

export const listPredictions = defineTool({
  name: 'list_predictions',
  title: 'List predictions',
  description:
    'Logged predictions of a model, newest first, with features, value, route, latency and, where it was recorded, what really was; failed calls and shadow answers included. Use it to look at single rows or failures; for whether the inputs have changed call detect_drift.',
  permission: 'READ',
  hints: { readOnly: true, destructive: false, idempotent: true, openWorld: false },
  input: z.strictObject({
    model_id: modelId,
    version: version.optional(),
    since: timestamp.optional(),
    prediction_id: z.string().min(1).max(64).optional(),
    only: z.enum(['errors', 'with_outcome', 'all']).default('all'),
    limit,
    cursor: cursor.optional(),
  }),
  output: z.strictObject({
    total: z.number(),
    predictions: z.array(
      z.strictObject({
        prediction_id: z.string(),
        version: z.string(),
        at: z.string(),
        route: z.string(),
        entity_key: z.string().nullable(),
        latency_ms: z.number(),
        features: z.record(z.string(), z.unknown()).nullable(),
        value: z.unknown(),
        probabilities: z.record(z.string(), z.number()).nullable(),
        error: z.string().nullable(),
        actual: z.unknown().optional().describe('What really was, where that was recorded'),
      }),
    ),
    next_cursor: z.string().nullable(),
  }),
  async handle(services, input) {
    const found = await services.monitoring.listPredictions({
      modelId: input.model_id,
      version: input.version,
      since: input.since === undefined ? undefined : Date.parse(input.since),
      predictionId: input.prediction_id,
      only: input.only,
      limit: input.limit,
      cursor: input.cursor,
    });
    return {
      total: found.total,
      predictions: found.predictions.map((prediction) => ({
        prediction_id: prediction.predictionId,
        version: prediction.version,
        at: isoTime(prediction.at),
        route: prediction.route,
        entity_key: prediction.entityKey,
        latency_ms: Number(prediction.latencyMs.toFixed(3)),
        features: prediction.features === null ? null : Object.fromEntries(prediction.features),
        value: prediction.value,
        probabilities:
          prediction.probabilities === null ? null : Object.fromEntries(prediction.probabilities),
        error: prediction.error,
        ...(prediction.actual !== undefined && { actual: prediction.actual }),
      })),
      next_cursor: found.nextCursor,
    };
  },
});
