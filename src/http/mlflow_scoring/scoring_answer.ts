import { z } from 'zod';
import type { PredictAnswer } from '../../serving/predict.ts';
import type { TensorJson } from '../../tensors/json_tensors.ts';

/** MLflow's answer; beside `predictions` its clients let other members pass. */
export const scoringAnswerSchema = z.strictObject({
  predictions: z
    .union([z.array(z.unknown()), z.record(z.string(), z.unknown())])
    .describe('One value a row: label, number or list; of a call by tensors the outputs by name, nested.'),
  version: z.string(),
  prediction_ids: z.array(z.string()),
  probabilities: z
    .array(z.record(z.string(), z.number()))
    .optional()
    .describe('Class to probability, one a row.'),
  warnings: z.array(z.string()).optional(),
});
export type ScoringAnswer = z.output<typeof scoringAnswerSchema>;

export function scoringAnswer({
  version,
  predictions,
  predictionIds,
  outputs,
  warnings,
}: PredictAnswer): ScoringAnswer {
  const answer: ScoringAnswer = {
    predictions:
      outputs === undefined
        ? predictions.map(({ value }) => value)
        : Object.fromEntries([...outputs].map(([name, tensor]) => [name, nested(tensor)])),
    version,
    prediction_ids: [...predictionIds],
  };
  const probabilities = predictions.flatMap((row) =>
    row.probabilities === undefined ? [] : [Object.fromEntries(row.probabilities)],
  );
  if (probabilities.length === predictions.length) answer.probabilities = probabilities;
  if (warnings.length > 0) answer.warnings = warnings;
  return answer;
}

/** A tensor as nested lists; NaN and infinities, which JSON has no literal for, are null as in rows. */
function nested({ datatype, shape, data }: TensorJson): unknown {
  const isFloat = datatype.startsWith('FP');
  const at = (axis: number, from: number, elements: number): unknown => {
    const length = shape[axis];
    if (length === undefined) return isFloat && typeof data[from] === 'string' ? null : data[from];
    const step = length === 0 ? 0 : elements / length;
    return Array.from({ length }, (_, index) => at(axis + 1, from + index * step, step));
  };
  return at(0, 0, data.length);
}
