import { setImmediate as turn } from 'node:timers/promises';
import type { Cancelling } from '../cancelling.ts';
import { ModelYardError } from '../errors.ts';
import type { Database } from '../storage/database.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { TensorJson } from '../tensors/json_tensors.ts';
import { routedVersion, versionOrWhyNot } from './answering_version.ts';
import type { Breakers } from './breakers.ts';
import { type CallerIds, type KnownIds, requireIds, rowDigests } from './caller_ids.ts';
import { type ChosenOutputs, chooseOutputs } from './chosen_outputs.ts';
import { type RowPrediction, readPredictions } from './codec/predictions.ts';
import type { Engine } from './engine/engine.ts';
import { RunFailure } from './engine/fault.ts';
import { type OnRun, waitedForTurn } from './engine/job.ts';
import type { NamedTensors } from './engine/protocol.ts';
import { explainFailure, failedEntry } from './failed_call.ts';
import { mayBeLarge, requireFewElements, requireFits, sentTensors, valueWarnings } from './predict_answer.ts';
import {
  encodeInput,
  type GivenInput,
  loggedFeatures,
  type PredictInput,
  rowCount,
} from './predict_input.ts';
import { newPredictionId } from './prediction_id.ts';
import type { PredictionSink, RouteKind } from './prediction_sink.ts';
import { callSignature, runRows } from './run_rows.ts';
import type { ServedModel, ServedModels, ServedVersion } from './served_models.ts';
import { runShadow } from './shadow.ts';

export const maxRowsPerCall = 1000;

export interface PredictRequest {
  modelId: string;
  /** Pins the version; otherwise the route decides. */
  version?: string | undefined;
  entityKey?: string | undefined;
  /** The caller's own, one a row; undefined: new ones. A call repeated with the same ids is logged once. */
  predictionIds?: readonly string[] | undefined;
  input: GivenInput;
  /** Only these outputs are computed and sent; undefined: all. */
  outputs?: readonly string[] | undefined;
  /** The protocol that it came by, as metrics name it. */
  front?: string | undefined;
  /** The trace that the call belongs to; logged. */
  traceId?: string | undefined;
  /** Aborted when the caller no longer waits. */
  signal?: Cancelling | undefined;
}

export interface PredictAnswer {
  version: string;
  route: RouteKind;
  predictions: readonly RowPrediction[];
  /** One a row. */
  predictionIds: readonly string[];
  /** The tensors that were asked for, where JSON was given … */
  outputs: Map<string, TensorJson> | undefined;
  /** … and where typed tensors were. */
  tensors: NamedTensors | undefined;
  latencyMs: number;
  /** How much of that it waited for a host. */
  queueMs: number;
  warnings: string[];
}

export interface PredictDependencies {
  database: Database;
  served: ServedModels;
  engine: Engine;
  breakers: Breakers;
  sink: PredictionSink;
  callerIds: CallerIds;
  clock: () => number;
  random: () => number;
  logger: Logger;
}

/**
 * Answers one predict call: picks the version, encodes, runs, decodes, logs, answers. What the model did
 * wrong (TIMEOUT, ENGINE_CRASHED, INFERENCE_FAILED) is logged too and counts for its breaker; what the caller
 * did wrong is and does neither. A shadow version runs after the answer.
 * @throws MODEL_NOT_FOUND, VERSION_NOT_FOUND, NOT_DEPLOYED, SIGNATURE_MISMATCH, LIMIT_EXCEEDED, CIRCUIT_OPEN,
 *   TIMEOUT, ENGINE_CRASHED, INFERENCE_FAILED; INVALID_INPUT for prediction ids that were used for something else
 */
export async function predict(
  dependencies: PredictDependencies,
  request: PredictRequest,
): Promise<PredictAnswer> {
  const { served, callerIds, clock } = dependencies;
  const { modelId, input: given, predictionIds: ids } = request;
  const started = performance.now();
  if (typeof given === 'object' && given.kind === 'records') requireRowLimit(given.records.length);
  const model = served.fresh(modelId) ?? (await served.read(modelId));
  const choice =
    routedVersion(dependencies, model, request) ?? (await versionOrWhyNot(dependencies, model, request));
  const { record } = choice.version;
  const input = typeof given === 'function' ? given(record.signature) : given;
  const tensors = encodeInput(record, input);
  const chosen = chooseOutputs(callSignature(record.signature).outputs, request.outputs);
  const rows = rowCount(record.signature, input, tensors);
  requireRowLimit(rows);
  const { version, route, warnings } = choice;
  const call = { model, version, route, warnings, input, tensors, chosen, rows, at: clock(), started };
  if (ids === undefined) return answer(dependencies, request, call, undefined);

  requireIds(ids, rows);
  const digests = rowDigests(input, rows, request.entityKey);
  const claims = ids.map((predictionId, row) => ({ predictionId, digest: digests[row] ?? '' }));
  const known = await callerIds.claim({ modelId, version: record.version, at: call.at }, claims);
  const release = () =>
    callerIds.release(
      modelId,
      ids.filter((id) => !known.has(id)),
    );
  // A call that is repeated is answered by the version that answered it first.
  const [first, ...others] = new Set([...known.values()].map(({ version }) => version));
  if (first !== undefined && (others.length > 0 || first !== record.version)) {
    await release();
    if (others.length > 0 || request.version !== undefined) throw otherVersion(modelId, [first, ...others]);
    return predict(dependencies, { ...request, version: first });
  }
  try {
    return await answer(dependencies, request, call, { ids, digests, known });
  } catch (error) {
    await release().catch(() => undefined);
    throw error;
  }
}

function otherVersion(modelId: string, versions: readonly string[]): ModelYardError {
  return new ModelYardError(
    'INVALID_INPUT',
    `prediction_ids were used before for predictions of ${modelId} ${versions.join(', ')}.`,
    versions.length > 1
      ? 'Repeat the calls as they were, one by one, or give ids of their own.'
      : `Leave version out, or name ${versions[0]}, to repeat the call; else give ids of their own.`,
  );
}

interface ChosenCall {
  model: ServedModel;
  version: ServedVersion;
  route: RouteKind;
  warnings: string[];
  input: PredictInput;
  tensors: NamedTensors;
  chosen: ChosenOutputs;
  rows: number;
  at: number;
  started: number;
}

/** Runs, logs and answers a call. @param own the ids that the caller brought */
async function answer(
  dependencies: PredictDependencies,
  request: PredictRequest,
  call: ChosenCall,
  own: { ids: readonly string[]; digests: string[]; known: KnownIds } | undefined,
): Promise<PredictAnswer> {
  const { breakers, sink } = dependencies;
  const { modelId, traceId } = request;
  const { model, version, route, input, tensors, chosen, rows, started } = call;
  const { record } = version;
  const entityKey = request.entityKey ?? null;
  const routeSetAt = route === 'weighted' ? model.routeSetAt : undefined;
  const ticket = breakers.begin(version);
  const prepare = () => {
    const predictionIds = own?.ids ?? Array.from({ length: rows }, newPredictionId);
    const features = loggedFeatures(record, input, rows);
    const log = sink.begin({
      at: call.at,
      modelId,
      version: record.version,
      route,
      routeSetAt,
      entityKey,
      traceId,
      predictionIds,
      features,
      digests: own?.digests,
    });
    return { predictionIds, features, log };
  };
  let prepared: ReturnType<typeof prepare> | undefined;
  let outputs: NamedTensors;
  let predictions: RowPrediction[];
  let [runMs, queueMs] = [0, 0];
  try {
    // A model with a fixed number of rows runs several times: the slowest counts.
    const onRun: OnRun = (timing) => {
      runMs = Math.max(runMs, timing.runMs);
      queueMs += timing.queueMs;
    };
    const options = { signal: request.signal, outputs: chosen.fetched, onRun };
    const running = runRows(dependencies.engine, version.engineModel, tensors, options);
    // When the host has been given the rows: what costs the caller no time there would cost it afterwards.
    process.nextTick(() => {
      try {
        prepared = prepare();
      } catch {
        // It is met again below, where the call can be told.
      }
    });
    outputs = await running;
    requireFewElements(record.signature, outputs, rows);
    predictions = readPredictions(chosen.fetched, outputs, record.classLabels, rows);
  } catch (error) {
    const latencyMs = performance.now() - started;
    breakers.end(version, ticket, countsAgainstModel(error) ? { failed: true, latencyMs } : 'not_counted');
    if (!(error instanceof ModelYardError) || !modelCodes.includes(error.code)) throw error;
    const { engine } = dependencies;
    const asked = { signal: request.signal, outputs: chosen.fetched };
    const failure = await explainFailure({ engine, version, input, tensors, rows, asked }, error);
    const features = loggedFeatures(record, input, rows);
    const common = { at: call.at, modelId, version: record.version, route, routeSetAt, entityKey, traceId };
    await sink.append({ ...common, latencyMs, ...failedEntry(failure, features, rows) });
    throw failure.error;
  }
  // The wait in the queue is the load's doing: only the run's own time can make a model slow.
  breakers.end(version, ticket, { failed: false, latencyMs: runMs });

  // Other calls have their turn between the steps of a large answer.
  const isLarge = mayBeLarge(outputs);
  if (isLarge) await turn();
  const sent = sentTensors(input, chosen, outputs);
  if (isLarge) {
    await turn();
    requireFits(record.signature, outputs, predictions, sent);
    await turn();
  }
  const latencyMs = performance.now() - started;
  const { predictionIds, features, log } = prepared ?? prepare();
  const isLogged =
    own !== undefined && predictionIds.every((predictionId) => own.known.get(predictionId)?.logged === true);
  if (!isLogged)
    await log({
      latencyMs,
      queueMs,
      values: predictions.map(({ value }) => value),
      probabilities: predictions.map(({ probabilities }) => probabilities ?? null),
      error: null,
    });
  const isRepeated = own !== undefined && own.known.size > 0;
  const shadow =
    route === 'pinned' || isRepeated ? undefined : model.versions.get(model.route?.shadowVersion ?? '');
  // A standby that took over may be the shadow itself.
  if (shadow !== undefined && shadow !== version)
    runShadow(dependencies, {
      shadow,
      entityKey,
      traceId,
      input,
      outputs: request.outputs,
      rows,
      features,
      primary: record,
      predictions,
      predictionIds,
      areCallersIds: own !== undefined,
      primaryLatencyMs: latencyMs,
    });
  return {
    version: record.version,
    route,
    predictions,
    predictionIds,
    ...sent,
    latencyMs,
    queueMs,
    warnings: [
      ...call.warnings,
      ...(isRepeated
        ? [
            `${own.known.size} of ${rows} prediction_ids were used before for the same rows: answered again by ${record.version}, logged once.`,
          ]
        : []),
      ...(model.isOutdated ? [outdated] : []),
      ...valueWarnings(chosen.fetched, predictions),
    ],
  };
}

const outdated =
  'The database is away: the version was chosen by the last known routes, and the prediction waits in the journal.';

/** The failures of a call that reached the model. */
const modelCodes: readonly string[] = ['TIMEOUT', 'ENGINE_CRASHED', 'INFERENCE_FAILED', 'ARTIFACT_MISMATCH'];

/** Whether a failure is the model's, not its caller's nor the load's. */
export function countsAgainstModel(error: unknown): boolean {
  if (!(error instanceof ModelYardError) || !modelCodes.includes(error.code)) return false;
  return error instanceof RunFailure ? error.fault === 'model' : error.cause !== waitedForTurn;
}

function requireRowLimit(rows: number): void {
  if (rows > maxRowsPerCall)
    throw new ModelYardError(
      'LIMIT_EXCEEDED',
      `The call has ${rows} rows; at most ${maxRowsPerCall} are answered at once.`,
      `Split the rows into calls of at most ${maxRowsPerCall}, or give them to predict_file.`,
    );
}
