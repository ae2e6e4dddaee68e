import { actualReader } from '../../registry/actual_value.ts';
import type { TableRow } from '../../tables/table.ts';
import type { CallerIds } from '../caller_ids.ts';
import type { FeatureValues } from '../codec/columns.ts';
import { loggedError } from '../failed_call.ts';
import { newPredictionId } from '../prediction_id.ts';
import type { BlockSink, PredictionSink } from '../prediction_sink.ts';
import type { AnsweredColumns } from './answer_columns.ts';
import type { RowsAnswer } from './answer_rows.ts';
import { claimsOf } from './file_ids.ts';
import type { FileModel } from './file_model.ts';
import { rowIds } from './row_ids.ts';

/**
 * Logs the answered rows of a chunk as one call, with the actual values where the file has them, and what the model could not run on as one failed call.
 * @returns the prediction id of every row that was answered.
 */
export async function logAnswers(
  { sink, callerIds }: { sink: Pick<PredictionSink, 'append'>; callerIds: CallerIds | undefined },
  { record, route }: FileModel,
  rows: readonly TableRow[],
  { answers, modelFailure }: RowsAnswer,
  at: number,
  latencyMs: number,
): Promise<(string | undefined)[]> {
  const ids = answers.map((answer, index) => {
    if (!('prediction' in answer)) return undefined;
    return callerIds === undefined ? newPredictionId() : String(rows[index]?.others[0]);
  });
  const common = { at, modelId: record.modelId, version: record.version, route, entityKey: null, latencyMs };
  if (modelFailure !== undefined)
    await sink.append({
      ...common,
      predictionIds: [newPredictionId()],
      features: null,
      values: [],
      probabilities: [],
      error: loggedError(modelFailure),
    });
  const predictions = answers.flatMap((answer) => ('prediction' in answer ? [answer.prediction] : []));
  if (predictions.length === 0) return ids;
  const answered = rows.filter((_, index) => ids[index] !== undefined);
  const claims = callerIds && claimsOf(answered);
  if (claims !== undefined)
    await callerIds?.claim({ modelId: record.modelId, version: record.version, at }, claims);
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
    digests: claims?.map(({ digest }) => digest),
    ...(outcomes.some((actual) => actual !== null) && { outcomes }),
  });
  return ids;
}

/**
 * The same for a chunk by columns, of which all rows were answered.
 * @returns the prediction id of every row
 */
export async function logColumns(
  sink: BlockSink,
  { record, route }: FileModel,
  { features, entityKeys, outcomes, predictions }: AnsweredColumns,
  at: number,
  latencyMs: number,
): Promise<string[]> {
  const { modelId, version, signature } = record;
  const { values, classes, probabilities, rows } = predictions;
  const ids = rowIds(rows);
  const readActual = actualReader(record);
  const actuals = outcomes?.map(
    remembered((outcome) => {
      const read = readActual(outcome);
      return read.kind === 'value' ? read.value : null;
    }),
  );
  await sink.add({
    at,
    modelId,
    version,
    route,
    entityKey: null,
    entityKeys,
    latencyMs,
    ids: ids.bytes,
    features: signature.features.map(({ name, datatype }, index) => [
      name,
      loggedValues(datatype, features[index] ?? []),
    ]),
    values,
    classes,
    probabilities,
    outcomes: actuals?.some((actual) => actual !== null) ? actuals : undefined,
  });
  return ids.texts;
}

/** A function of outcomes, few of which differ. */
function remembered(read: (outcome: unknown) => unknown): (outcome: unknown) => unknown {
  const known = new Map<unknown, unknown>();
  return (outcome) => {
    if (!known.has(outcome)) known.set(outcome, read(outcome));
    return known.get(outcome);
  };
}

/** Values of a feature as a row has them. */
function loggedValues(datatype: string, values: FeatureValues): Float64Array | unknown[] {
  if (datatype !== 'BOOL' || Array.isArray(values)) return values;
  return Array.from(values, (value) => (Number.isNaN(value) ? null : value === 1));
}
