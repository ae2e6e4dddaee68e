import { z } from 'zod';
import { ModelYardError } from '../src/errors.ts';
import { shownIds } from '../src/serving/elsewhere/log_predictions.ts';
import type { ToldPredictions } from '../src/serving/elsewhere/told_predictions.ts';
import { whileWaiting } from '../src/while_waiting.ts';
import { roomFor } from './answers/room.ts';
import { notWhole, warnings } from './answers/schemas.ts';
import { storedNote, storedTexts } from './answers/stored_texts.ts';
import { filePath, modelId, orJsonText, record, version } from './arguments/schemas.ts';
import { defineTool } from './define_tool.ts';

const told = record.pipe(
  z.strictObject({
    prediction_id: z.unknown().optional(),
    features: z.unknown().optional(),
    prediction: z.unknown(),
    probabilities: z.unknown().optional(),
    actual: z.unknown().optional(),
    latency_ms: z.unknown().optional(),
    at: z.unknown().optional(),
    entity_key: z.unknown().optional(),
  }),
);
/** Characters of warnings in an answer. */
const warningCharacters = 2000;

type Told = z.output<typeof told>;

export const logPredictions = defineTool({
  name: 'log_predictions',
  title: 'Log predictions',
  description:
    'Logs predictions that a registered version made elsewhere, to watch it here. All or none; repeating with prediction_ids is harmless. path: a file with columns of these names, features by theirs, P(class). predict logs itself. Next: detect_drift.',
  permission: 'PREDICT',
  hints: { readOnly: false, destructive: false, idempotent: false, openWorld: false },
  input: z.strictObject({
    model_id: modelId,
    version,
    predictions: orJsonText(z.array(told).min(1).max(10_000))
      .optional()
      .meta({ type: 'array', items: { type: 'object' } })
      .describe(
        '[{features, prediction, prediction_id?, probabilities? {class: p}, actual?, latency_ms?, at? (ISO 8601), entity_key?}]',
      ),
    path: filePath.optional(),
  }),
  output: z.strictObject({
    note: storedNote.optional(),
    model_id: z.string(),
    version: z.string(),
    logged: z.int(),
    already_logged: z.int(),
    undo: z.string().optional(),
    prediction_ids: z.array(z.string()).describe(`First ${shownIds}`),
    warnings,
    not_whole: notWhole,
  }),
  rowArguments: ['predictions'],
  async handle(services, { model_id, version: named, predictions, path }, { progress }) {
    const report = await whileWaiting(progress, 'checking and logging predictions', () =>
      services.serving.logPredictions({
        modelId: model_id,
        version: named,
        predictions: toldPredictions(predictions, path),
      }),
    );
    const room = roomFor(false);
    const told = room.items(report.warnings, 'warnings', warningCharacters);
    return {
      ...(report.warnings.length > 0 && { note: storedTexts }),
      model_id,
      version: report.version,
      logged: report.logged,
      already_logged: report.alreadyLogged,
      ...(report.logged > 0 && {
        undo: 'Cannot be undone: logged predictions stay until they expire (MODELYARD_LOG_RETENTION_DAYS).',
      }),
      prediction_ids: room.items(report.predictionIds, 'prediction ids'),
      warnings: told,
      ...room.notWhole('All: list_predictions.'),
    };
  },
});

function toldPredictions(predictions: Told[] | undefined, path: string | undefined): ToldPredictions {
  if (path !== undefined && predictions === undefined) return { kind: 'path', path };
  if (predictions === undefined || path !== undefined)
    throw new ModelYardError(
      'INVALID_INPUT',
      `predictions and path were ${path === undefined ? 'both left out' : 'both given'}.`,
      'Give one of them.',
    );
  return {
    kind: 'records',
    predictions: predictions.map(({ prediction_id, latency_ms, entity_key, ...rest }) => ({
      ...rest,
      features: rest.features,
      predictionId: prediction_id,
      latencyMs: latency_ms,
      entityKey: entity_key,
    })),
  };
}
