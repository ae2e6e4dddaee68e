import { uuidv7 } from 'uuidv7';
import { ModelYardError } from '../errors.ts';
import type { VersionRecord } from '../registry/version_record.ts';
import type { Database } from '../storage/database.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Breakers } from './breakers.ts';
import { type PredictedValue, type RowPrediction, readPredictions } from './codec/predictions.ts';
import { encodeRecords, type JsonRecord } from './codec/records.ts';
import { decodeTensor, type TensorJson } from './codec/tensors.ts';
import type { Engine } from './engine/engine.ts';
import { tooLargeAnswer } from './engine/model_host.ts';
import type { NamedTensors } from './engine/protocol.ts';
import { waitedForTurn } from './engine/version_pool.ts';
import { encodeInput, loggedFeatures, type PredictInput, rowCount } from './predict_input.ts';
import type { PredictionSink, RouteKind } from './prediction_sink.ts';
import { chooseVersion } from './routing.ts';
import {
  engineModel,
  explainNotRouted,
  findServed,
  type ServedModel,
  type ServedModels,
  type ServedVersion,
  servedVersion,
} from './served_models.ts';
import { runShadow } from './shadow.ts';

export const maxRowsPerCall = 1000;

export interface PredictRequest {
  modelId: string;
  /** Pins the version; otherwise the route decides. */
  version?: string | undefined;
  entityKey?: string | undefined;
  input: PredictInput;
  /** Aborted when the caller no longer waits. */
  signal?: AbortSignal | undefined;
}

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
  breakers: Breakers;
  sink: PredictionSink;
  clock: () => number;
  random: () => number;
  logger: Logger;
}

/**
 * Answers one predict call: picks the version, encodes, runs, decodes, logs, answers. What the model did
 * wrong (TIMEOUT, ENGINE_CRASHED, INFERENCE_FAILED) is logged too and counts for its breaker; what the caller
 * did wrong is and does neither. A shadow version runs after the answer.
 * @throws MODEL_NOT_FOUND, VERSION_NOT_FOUND, NOT_DEPLOYED, SIGNATURE_MISMATCH, LIMIT_EXCEEDED, CIRCUIT_OPEN,
 *   TIMEOUT, ENGINE_CRASHED, INFERENCE_FAILED
 */
export async function predict(
  dependencies: PredictDependencies,
  request: PredictRequest,
): Promise<PredictAnswer> {
  const { served, breakers, sink, clock } = dependencies;
  const { modelId, input } = request;
  const started = performance.now();
  if (input.kind === 'records') requireRowLimit(input.records.length);
  const model = await served.read(modelId);
  const { version, route, warnings } = await choose(dependencies, model, request);
  const { record } = version;
  const tensors = encodeInput(record, input);
  const rows = rowCount(record.signature, input, tensors);
  requireRowLimit(rows);

  const common = {
    at: clock(),
    modelId,
    version: record.version,
    route,
    entityKey: request.entityKey ?? null,
  };
  const ticket = breakers.begin(version);
  let outputs: NamedTensors;
  let predictions: RowPrediction[];
  try {
    outputs = await dependencies.engine.run(version.engineModel, tensors, request.signal);
    requireAnswerLimit(outputs);
    predictions = readPredictions(record.signature.outputs, outputs, record.classLabels, rows);
  } catch (error) {
    const latencyMs = performance.now() - started;
    const counts = error instanceof ModelYardError && countsAgainstModel.includes(error.code);
    const blamed = counts && error.cause !== waitedForTurn;
    breakers.end(version, ticket, blamed ? { failed: true, latencyMs } : 'not_counted');
    if (counts) await sink.append({ ...common, latencyMs, ...failure(error) });
    throw error;
  }
  breakers.end(version, ticket, { failed: false, latencyMs: performance.now() - started });

  const identified = predictions.map((prediction) => ({ ...prediction, predictionId: uuidv7() }));
  const latencyMs = performance.now() - started;
  const features = loggedFeatures(record, input, rows);
  await sink.append({
    ...common,
    latencyMs,
    predictionIds: identified.map((prediction) => prediction.predictionId),
    features,
    values: identified.map((prediction) => prediction.value),
    probabilities: identified.map((prediction) => prediction.probabilities ?? null),
    error: null,
  });
  const shadow = route === 'pinned' ? undefined : model.versions.get(model.route?.shadowVersion ?? '');
  // A standby that took over may be the shadow itself.
  if (shadow !== undefined && shadow !== version)
    runShadow(dependencies, {
      shadow,
      entityKey: common.entityKey,
      input,
      rows,
      features,
      primary: record,
      predictions,
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
    warnings: [...warnings, ...warningsOf(identified)],
  };
}

/** The version that answers, by the caller's pin or the route and the breakers. */
async function choose(
  { database, breakers, random }: PredictDependencies,
  model: ServedModel,
  { modelId, version: pinned, entityKey }: PredictRequest,
): Promise<{ version: ServedVersion; route: RouteKind; warnings: string[] }> {
  const isCallable = (name: string) => {
    const candidate = model.versions.get(name);
    return candidate !== undefined && breakers.allows(candidate);
  };
  if (pinned !== undefined) {
    const version = servedVersion(model, pinned) ?? (await findServed(database, modelId, pinned, model));
    if (!breakers.allows(version)) throw circuitOpen(modelId, [version]);
    return { version, route: 'pinned', warnings: [] };
  }
  const choice = chooseVersion(modelId, model.route, entityKey, isCallable, random());
  const version = 'version' in choice ? model.versions.get(choice.version) : undefined;
  if ('version' in choice && version !== undefined)
    return {
      version,
      route: choice.route,
      warnings:
        choice.route === 'fallback'
          ? [
              `The circuit breaker of the version this call would have gone to is open; ${choice.version} answered instead.`,
            ]
          : [],
    };
  const routed = [...model.versions.values()].filter(({ record }) =>
    model.route?.weights.some(([name]) => name === record.version),
  );
  if (routed.length > 0) throw circuitOpen(modelId, routed);
  return explainNotRouted(database, modelId, model);
}

export function circuitOpen(modelId: string, versions: readonly ServedVersion[]): ModelYardError {
  const times = versions.flatMap(({ breaker }) => breaker?.reopensAt ?? []);
  const names = versions.map(({ record }) => record.version).join(', ');
  const when = times.length === 0 ? 'soon' : `at ${new Date(Math.min(...times)).toISOString()}`;
  return new ModelYardError(
    'CIRCUIT_OPEN',
    `The circuit breaker of ${modelId} ${names} is open after failures or slow answers; it lets calls try again ${when}.`,
    'Call again then, see the cause with health_check, or close it with reset_circuit_breaker.',
  );
}

function failure(error: ModelYardError) {
  return {
    predictionIds: [uuidv7()],
    features: null,
    values: [],
    probabilities: [],
    error: { code: error.code, message: error.message },
  };
}

/** Runs a version on records without logging: for probes and for scoring reference data. */
export async function scoreRecords(
  engine: Engine,
  record: VersionRecord,
  records: readonly JsonRecord[],
): Promise<RowPrediction[]> {
  const outputs = await engine.run(engineModel(record, undefined), encodeRecords(record.signature, records));
  return readPredictions(record.signature.outputs, outputs, record.classLabels, records.length);
}

/** The failures that are the model's, not the caller's. */
const countsAgainstModel: readonly string[] = [
  'TIMEOUT',
  'ENGINE_CRASHED',
  'INFERENCE_FAILED',
  'ARTIFACT_MISMATCH',
];

/** Elements of the outputs that one answer may have. */
const maxAnswerElements = 1_000_000;

function requireAnswerLimit(outputs: NamedTensors): void {
  const elements = [...outputs.values()].reduce((sum, { data }) => sum + data.length, 0);
  if (elements > maxAnswerElements) throw tooLargeAnswer(elements, maxAnswerElements);
}

function requireRowLimit(rows: number): void {
  if (rows > maxRowsPerCall)
    throw new ModelYardError(
      'LIMIT_EXCEEDED',
      `The call has ${rows} rows; at most ${maxRowsPerCall} are answered at once.`,
      `Split the rows into calls of at most ${maxRowsPerCall}, or give them to predict_file.`,
    );
}

function warningsOf(predictions: readonly RowPrediction[]): string[] {
  const isMissing = (value: PredictedValue): boolean =>
    value === null || (Array.isArray(value) && value.some(isMissing));
  const missing = predictions.filter(({ value }) => isMissing(value)).length;
  return missing === 0
    ? []
    : [`${missing} of ${predictions.length} predictions hold NaN or infinity, which JSON shows as null.`];
}
