import { z } from 'zod';
import type { Services } from '../src/services.ts';
import type { RowPrediction } from '../src/serving/codec/predictions.ts';
import { maxRowsPerCall } from '../src/serving/predict.ts';
import { warnings } from './answers/schemas.ts';
import { isOfWords, storedNote, storedTexts } from './answers/stored_texts.ts';
import { parseRows } from './arguments/given_rows.ts';
import { modelId, names, orJsonText, record, records, version } from './arguments/schemas.ts';
import { defineTool } from './define_tool.ts';

/** A tensor of an answer; its datatypes are listed with the input. */
const shownTensor = z.strictObject({
  datatype: z.string(),
  shape: z.array(z.int()),
  data: z.array(z.unknown()).meta({ items: {} }),
});

export const predict = defineTool({
  name: 'predict',
  title: 'Predict',
  description: `Runs a deployed model on up to ${maxRowsPerCall} rows; logs each under a prediction_id. Give inputs, records {feature: value} (see get_model), or tensors (Open Inference Protocol; unnamed features). version pins one. Next: detect_drift.`,
  permission: 'PREDICT',
  hints: { readOnly: false, destructive: false, idempotent: false, openWorld: false },
  input: z.strictObject({
    model_id: modelId,
    inputs: records.optional(),
    tensors: orJsonText(record)
      .optional()
      .describe(
        '{input: {datatype: BOOL|(U)INT8…64|FP16…64|BYTES, shape: [rows, …], data: [flat; integers beyond 2^53 as text]}}',
      ),
    version: version.optional(),
    outputs: names.optional().describe('Only these'),
    prediction_ids: orJsonText(z.array(z.string()).min(1).max(maxRowsPerCall))
      .optional()
      .describe('Your own, one a row: a repeated call is logged once'),
    entity_key: z.string().min(1).max(512).optional().describe('Whom the rows are about; logged'),
  }),
  output: z.strictObject({
    note: storedNote.optional(),
    model_id: z.string(),
    version: z.string(),
    route: z.enum(['active', 'weighted', 'pinned', 'fallback']),
    predictions: z.array(
      z.strictObject({
        prediction_id: z.string(),
        value: z.unknown().describe('Label, number or array'),
        probabilities: z.record(z.string(), z.number()).optional(),
        scores: z.unknown().optional().describe('Decision values, distances or anomaly scores'),
      }),
    ),
    outputs: z.record(z.string(), shownTensor).optional(),
    latency_ms: z.number(),
    warnings,
  }),
  rowArguments: ['inputs', 'tensors'],
  async handle(
    services,
    { model_id, version: pinned, entity_key, prediction_ids, outputs, inputs, tensors },
    { cancelling, traceId, front },
  ) {
    const answer = await services.serving.predict({
      modelId: model_id,
      version: pinned,
      outputs,
      entityKey: entity_key,
      predictionIds: prediction_ids,
      input: parseRows('predict', { inputs, tensors }),
      traceId,
      front,
      signal: cancelling,
    });
    return {
      ...(showsWords(answer) && { note: storedTexts }),
      model_id,
      version: answer.version,
      route: answer.route,
      predictions: answer.predictions.map((prediction, row) =>
        shownPrediction(answer.predictionIds[row] ?? '', prediction),
      ),
      ...(answer.outputs && { outputs: Object.fromEntries(answer.outputs) }),
      latency_ms: Number(answer.latencyMs.toFixed(3)),
      warnings: answer.warnings,
    };
  },
});

type Prediction = Awaited<ReturnType<Services['serving']['predict']>>;

/** Whether a label, or what a warning may quote, has several words: one word is no sentence that could be obeyed. */
function showsWords({ predictions, outputs, warnings: told }: Prediction): boolean {
  if (told.length > 0) return true;
  const labels = predictions[0]?.probabilities?.map(([label]) => label) ?? [];
  return (
    [...(outputs?.values() ?? [])].some(({ datatype }) => datatype === 'BYTES') ||
    labels.some(isOfWords) ||
    predictions.some(({ value }) => typeof firstOf(value) === 'string' && isOfWords(value))
  );
}

/** The first element: all of a tensor are of one type, so that one of numbers is not walked through. */
function firstOf(value: unknown): unknown {
  return Array.isArray(value) ? firstOf(value[0]) : value;
}

interface ShownPrediction {
  prediction_id: string;
  value: unknown;
  probabilities?: Record<string, number>;
  scores?: unknown;
}

function shownPrediction(
  predictionId: string,
  { value, probabilities, scores }: RowPrediction,
): ShownPrediction {
  const shown: ShownPrediction = { prediction_id: predictionId, value };
  if (probabilities) shown.probabilities = Object.fromEntries(probabilities);
  if (scores !== undefined) shown.scores = scores;
  return shown;
}
