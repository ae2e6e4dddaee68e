import { z } from 'zod';
import { ModelYardError } from '../src/errors.ts';
import { datatypes } from '../src/registry/datatypes.ts';
import { maxRowsPerCall } from '../src/serving/predict.ts';
import type { PredictInput } from '../src/serving/predict_input.ts';
import { defineTool } from './define_tool.ts';
import { modelId, orJsonText, record, records, tensor, version, warnings } from './schemas.ts';

/** A tensor of an answer; its datatypes are listed with the input. */
const shownTensor = z.strictObject({
  datatype: z.string(),
  shape: z.array(z.number()),
  data: z.array(z.unknown()).meta({ items: {} }),
});

export const predict = defineTool({
  name: 'predict',
  title: 'Predict',
  description: `Runs a deployed model on up to ${maxRowsPerCall} rows and logs every answer under a prediction_id. Give exactly one of: inputs, records with exactly the model's features; tensors, by input name in Open Inference Protocol form (for models without named features). The active version answers; version pins another deployed one. get_model shows the features expected. Next: detect_drift, once a day's rows are logged.`,
  permission: 'PREDICT',
  hints: { readOnly: false, destructive: false, idempotent: false, openWorld: false },
  input: z.strictObject({
    model_id: modelId,
    inputs: records.optional().describe('[{"feature": value, …}, …]'),
    tensors: orJsonText(record)
      .optional()
      .describe(
        `{"input name": {"datatype": one of ${datatypes.join('|')}, "shape": [rows, …], "data": [flat, 64-bit integers beyond 2^53 as text]}}`,
      ),
    version: version.optional().describe('Pins a deployed version'),
    entity_key: z.string().min(1).max(512).optional().describe('Whom the rows are about; kept in the log'),
  }),
  output: z.strictObject({
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
  async handle(services, { model_id, version: pinned, entity_key, ...input }, { signal }) {
    const answer = await services.serving.predict({
      modelId: model_id,
      version: pinned,
      entityKey: entity_key,
      input: parseInput(input),
      signal,
    });
    return {
      model_id,
      version: answer.version,
      route: answer.route,
      predictions: answer.predictions.map(({ predictionId, value, probabilities, scores }) => ({
        prediction_id: predictionId,
        value,
        ...(probabilities && { probabilities: Object.fromEntries(probabilities) }),
        ...(scores !== undefined && { scores }),
      })),
      ...(answer.outputs && { outputs: Object.fromEntries(answer.outputs) }),
      latency_ms: Number(answer.latencyMs.toFixed(3)),
      warnings: answer.warnings,
    };
  },
});

function parseInput(given: {
  inputs?: Record<string, unknown>[] | undefined;
  tensors?: Record<string, unknown> | undefined;
}): PredictInput {
  if (given.inputs !== undefined && given.tensors === undefined)
    return { kind: 'records', records: given.inputs };
  if (given.tensors === undefined || given.inputs !== undefined)
    throw new ModelYardError(
      'INVALID_INPUT',
      `predict takes exactly one of inputs and tensors; ${given.inputs === undefined ? 'neither' : 'both'} was given.`,
      'Give inputs (records of features), or tensors for a model without named features.',
    );
  return {
    kind: 'tensors',
    tensors: new Map(Object.entries(given.tensors).map(([name, value]) => [name, parseTensor(name, value)])),
  };
}

function parseTensor(name: string, value: unknown): z.output<typeof tensor> {
  const parsed = tensor.safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw new ModelYardError(
    'INVALID_INPUT',
    `tensors.${name}${issue && issue.path.length > 0 ? `.${issue.path.join('.')}` : ''}: ${issue?.message ?? 'not a tensor'}.`,
    'A tensor is {"datatype": "FP32", "shape": [1, 3], "data": [1, 2, 3]}.',
  );
}
