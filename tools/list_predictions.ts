import { z } from 'zod';
import { ModelYardError } from '../src/errors.ts';
import { cursorOf } from '../src/prediction_log/list.ts';
import { maxIdLength } from '../src/serving/caller_ids.ts';
import { shadowIdExtra } from '../src/serving/shadow_id.ts';
import { fittingPage } from './answers/fitting_page.ts';
import { describePrediction, describeWithin, listedPrediction } from './answers/listed_prediction.ts';
import { warnings } from './answers/schemas.ts';
import { storedNote, storedTexts } from './answers/stored_texts.ts';
import { cursor, limit, modelId, responseFormat, timestamp, version } from './arguments/schemas.ts';
import { defineTool } from './define_tool.ts';

export const listPredictions = defineTool({
  name: 'list_predictions',
  title: 'List predictions',
  description:
    'Logged predictions, newest first: features, value, route, latency, actual; failed calls and shadow answers too. Changed inputs: detect_drift.',
  permission: 'READ',
  hints: { readOnly: true, destructive: false, idempotent: true, openWorld: false },
  input: z.strictObject({
    model_id: modelId.optional().describe('Not needed with prediction_id'),
    version: version.optional(),
    since: timestamp.optional(),
    prediction_id: z
      .string()
      .min(1)
      .max(maxIdLength + shadowIdExtra)
      .optional(),
    only: z.enum(['errors', 'with_outcome', 'all']).default('all'),
    limit,
    cursor: cursor.optional(),
    response_format: responseFormat,
  }),
  output: z.strictObject({
    note: storedNote,
    total: z.int(),
    predictions: z.array(listedPrediction),
    next_cursor: z.string().nullable(),
    warnings: warnings.optional(),
  }),
  async handle(services, input) {
    const { model_id: asked, prediction_id: predictionId } = input;
    if (asked === undefined && (predictionId === undefined || input.version !== undefined))
      throw new ModelYardError(
        'INVALID_INPUT',
        `model_id is required${predictionId === undefined ? '' : ' with version'}.`,
        'Name the model, or give prediction_id alone.',
      );
    const found = await services.log.list({
      modelId: asked,
      version: input.version,
      since: input.since === undefined ? undefined : Date.parse(input.since),
      predictionId,
      only: input.only,
      limit: input.limit,
      cursor: input.cursor,
    });
    const isWhole = input.response_format === 'detailed' || predictionId !== undefined;
    const shown = isWhole
      ? found.predictions.map(describePrediction)
      : fittingPage(found.predictions, describeWithin);
    const last = shown.length < found.predictions.length ? found.predictions[shown.length - 1] : undefined;
    return {
      note: storedTexts,
      total: found.total,
      predictions: shown.map((prediction, index) => ({
        ...prediction,
        ...(asked === undefined && { model_id: found.predictions[index]?.modelId }),
      })),
      next_cursor: last === undefined ? found.nextCursor : cursorOf(last),
      ...(found.warnings.length > 0 && { warnings: found.warnings }),
    };
  },
});
