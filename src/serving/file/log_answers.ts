import { uuidv7 } from 'uuidv7';
import { actualReader } from '../../registry/actual_value.ts';
import type { PredictionSink } from '../prediction_sink.ts';
import type { RowsAnswer } from './answer_rows.ts';
import type { FileModel } from './file_model.ts';
import type { TableRow } from './table.ts';

/**
 * Logs the answered rows of a chunk as one call, with what really was where the file says it, and what the model could not run on as one failed call.
 * @returns the prediction id of every row that was answered.
 */
export async function logAnswers(
  sink: PredictionSink,
  { record, route }: FileModel,
  rows: readonly TableRow[],
  { answers, modelFailure }: RowsAnswer,
  at: number,
  latencyMs: number,
): Promise<(string | undefined)[]> {
  const ids = answers.map((answer) => ('prediction' in answer ? uuidv7() : undefined));
  const common = { at, modelId: record.modelId, version: record.version, route, entityKey: null, latencyMs };
  if (modelFailure !== undefined)
    await sink.append({
      ...common,
      predictionIds: [uuidv7()],
      features: null,
      values: [],
      probabilities: [],
      error: { code: modelFailure.code, message: modelFailure.message },
    });
  const predictions = answers.flatMap((answer) => ('prediction' in answer ? [answer.prediction] : []));
  if (predictions.length === 0) return ids;
  const answered = rows.filter((_, index) => ids[index] !== undefined);
  const readActual = actualReader(record);
  const outcomes = answered.map(({ outcome }) => {
    const read = readActual(outcome);
    // The report counts what cannot be compared.
    return read.kind === 'value' ? read.value : null;
  });
  await sink.append({
    ...common,
    predictionIds: ids.filter((id) => id !== undefined),
    entityKeys: answered.map(({ entityKey }) => entityKey),
    features: record.signature.features.map(({ name }) => [
      name,
      answered.map(({ features }) => features[name]),
    ]),
    values: predictions.map(({ value }) => value),
    probabilities: predictions.map(({ probabilities }) => probabilities ?? null),
    error: null,
    ...(outcomes.some((actual) => actual !== null) && { outcomes }),
  });
  return ids;
}
