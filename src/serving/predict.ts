import { uuidv7 } from 'uuidv7';
import { ModelYardError } from '../errors.ts';
import type { VersionRecord } from '../registry/version_record.ts';
import type { Database } from '../storage/database.ts';
import { type PredictedValue, type RowPrediction, readPredictions } from './codec/predictions.ts';
import { encodeRecords, type JsonRecord } from './codec/records.ts';
import { decodeTensor, encodeTensors, type TensorJson } from './codec/tensors.ts';
import type { Engine } from './engine/engine.ts';
import type { NamedTensors } from './engine/protocol.ts';
import type { PredictionSink, RouteKind } from './prediction_sink.ts';
import { chooseVersion, engineModel, explainNotServed, type ServedModels } from './served_models.ts';

export const maxRowsPerCall = 1000;

export interface PredictRequest {
  modelId: string;
  /** Pins the version; otherwise the route decides. */
  version?: string | undefined;
  entityKey?: string | undefined;
  input: PredictInput;
}

export type PredictInput =
  | { kind: 'records'; records: readonly JsonRecord[] }
  | { kind: 'tensors'; tensors: ReadonlyMap<string, TensorJson> };

export interface PredictAnswer {
  version: string;
  route: RouteKind;
  predictions: (RowPrediction & { predictionId: string })[];
  outputs: Map<string, TensorJson> | undefined;
  latencyMs: number;
  warnings: string[];
}

export interface PredictDependencies {
  database: Database;
  served: ServedModels;
  engine: Engine;
  sink: PredictionSink;
  clock: () => number;
}

/**
 * Answers one predict call: picks the version, encodes, runs, decodes, logs, answers. What the model did
 * wrong (TIMEOUT, ENGINE_CRASHED, INFERENCE_FAILED) is logged too; what the caller did wrong is not.
 * @throws MODEL_NOT_FOUND, VERSION_NOT_FOUND, NOT_DEPLOYED, SIGNATURE_MISMATCH, LIMIT_EXCEEDED, TIMEOUT,
 *   ENGINE_CRASHED, INFERENCE_FAILED
 */
export async function predict(
  dependencies: PredictDependencies,
  request: PredictRequest,
): Promise<PredictAnswer> {
  const { database, served, engine, sink, clock } = dependencies;
  const { modelId, version: pinned, input } = request;
  const started = performance.now();
  requireRowLimit(input);
  const model = await served.read(modelId);
  const choice = chooseVersion(model, pinned) ?? (await explainNotServed(database, modelId, pinned, model));
  const { record, route } = choice;
  const tensors = encodeInput(record, input);
  const rows = rowCount(input, tensors);

  const common = {
    at: clock(),
    modelId,
    version: record.version,
    route,
    entityKey: request.entityKey ?? null,
  };
  let outputs: NamedTensors;
  try {
    outputs = await engine.run(engineModel(record), tensors);
  } catch (error) {
    if (error instanceof ModelYardError && countsAgainstModel.includes(error.code))
      sink.append({
        ...common,
        latencyMs: performance.now() - started,
        predictionIds: [uuidv7()],
        features: null,
        values: [],
        probabilities: [],
        error: { code: error.code, message: error.message },
      });
    throw error;
  }

  const predictions = readPredictions(record.signature.outputs, outputs, record.classLabels, rows);
  const identified = predictions.map((prediction) => ({ ...prediction, predictionId: uuidv7() }));
  const latencyMs = performance.now() - started;
  sink.append({
    ...common,
    latencyMs,
    predictionIds: identified.map((prediction) => prediction.predictionId),
    features: loggedFeatures(record, input, rows),
    values: identified.map((prediction) => prediction.value),
    probabilities: identified.map((prediction) => prediction.probabilities ?? null),
    error: null,
  });
  return {
    version: record.version,
    route,
    predictions: identified,
    outputs:
      input.kind === 'tensors'
        ? new Map([...outputs].map(([name, tensor]) => [name, decodeTensor(tensor)]))
        : undefined,
    latencyMs,
    warnings: warningsOf(identified),
  };
}

/** Runs a version on records without logging: for probes and for scoring reference data. */
export async function scoreRecords(
  engine: Engine,
  record: VersionRecord,
  records: readonly JsonRecord[],
): Promise<RowPrediction[]> {
  const outputs = await engine.run(engineModel(record), encodeRecords(record.signature, records));
  return readPredictions(record.signature.outputs, outputs, record.classLabels, records.length);
}

/** The failures that are the model's, not the caller's. */
const countsAgainstModel: readonly string[] = [
  'TIMEOUT',
  'ENGINE_CRASHED',
  'INFERENCE_FAILED',
  'ARTIFACT_MISMATCH',
];

function requireRowLimit(input: PredictInput): void {
  const rows =
    input.kind === 'records'
      ? input.records.length
      : Math.max(
          0,
          ...[...input.tensors.values()].map((tensor) =>
            tensor.shape.length > 1 ? (tensor.shape[0] ?? 0) : 0,
          ),
        );
  if (rows > maxRowsPerCall)
    throw new ModelYardError(
      'LIMIT_EXCEEDED',
      `The call has ${rows} rows; at most ${maxRowsPerCall} are answered at once.`,
      `Split the rows into calls of at most ${maxRowsPerCall}.`,
    );
}

function encodeInput(record: VersionRecord, input: PredictInput): NamedTensors {
  return input.kind === 'records'
    ? encodeRecords(record.signature, input.records)
    : encodeTensors(record.signature.inputs, input.tensors);
}

/** The rows of a call: the records, or the first dimension that all input tensors share, else 1. */
function rowCount(input: PredictInput, tensors: NamedTensors): number {
  if (input.kind === 'records') return input.records.length;
  const first = [...tensors.values()].map((tensor) => tensor.shape[0]);
  const [rows] = first;
  return rows !== undefined && first.every((dimension) => dimension === rows) ? rows : 1;
}

/** The features as the caller gave them, column by column. */
function loggedFeatures(
  record: VersionRecord,
  input: PredictInput,
  rows: number,
): [string, unknown[]][] | null {
  const { features, inputs } = record.signature;
  if (features.length === 0) return null;
  if (input.kind === 'records')
    return features.map(({ name }) => [name, input.records.map((given) => given[name])]);
  return features.map((feature) => {
    const data = input.tensors.get(feature.input)?.data ?? [];
    const flat: unknown[] = data.some(Array.isArray) ? data.flat(Number.POSITIVE_INFINITY) : data;
    const rank = inputs.find((spec) => spec.name === feature.input)?.shape.length ?? 2;
    const width = rank === 1 ? 1 : flat.length / rows;
    return [feature.name, Array.from({ length: rows }, (_, row) => flat[row * width + feature.column])];
  });
}

function warningsOf(predictions: readonly RowPrediction[]): string[] {
  const isMissing = (value: PredictedValue): boolean =>
    value === null || (Array.isArray(value) && value.some(isMissing));
  const missing = predictions.filter(({ value }) => isMissing(value)).length;
  return missing === 0
    ? []
    : [`${missing} of ${predictions.length} predictions hold NaN or infinity, which JSON shows as null.`];
}
