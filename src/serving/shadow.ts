import { ModelYardError } from '../errors.ts';
import type { VersionRecord } from '../registry/version_record.ts';
import type { Logger } from '../telemetry/logger.ts';
import { chooseOutputs } from './chosen_outputs.ts';
import { type PredictedValue, type RowPrediction, readPredictions } from './codec/predictions.ts';
import type { Engine } from './engine/engine.ts';
import { isBusy } from './engine/job.ts';
import { loggedError } from './failed_call.ts';
import { encodeInput, type PredictInput } from './predict_input.ts';
import type { PredictionSink } from './prediction_sink.ts';
import { callSignature, runRows } from './run_rows.ts';
import type { ServedVersion } from './served_models.ts';
import { shadowIdOf } from './shadow_id.ts';

export interface ShadowCall {
  shadow: ServedVersion;
  entityKey: string | null;
  traceId: string | undefined;
  input: PredictInput;
  /** The outputs that the caller chose; undefined: all. */
  outputs: readonly string[] | undefined;
  rows: number;
  features: [string, unknown[]][] | null;
  primary: VersionRecord;
  /** What was answered to the caller. */
  predictions: readonly RowPrediction[];
  /** One a row. */
  predictionIds: readonly string[];
  /** Whether the caller brought the prediction ids. */
  areCallersIds: boolean;
  /** From the call's arrival to the answer to its caller. */
  primaryLatencyMs: number;
}

/** Shadow calls under way at once, at most; further ones are dropped so that they do not delay callers. */
const maxUnderWay = 64;
let underWay = 0;

/**
 * Runs the shadow version on a call that was answered. Nobody waits for it, its failures count for no breaker, and its
 * rows are logged as a shadow's.
 */
export function runShadow(
  {
    engine,
    sink,
    clock,
    logger,
  }: { engine: Engine; sink: Pick<PredictionSink, 'append'>; clock: () => number; logger: Logger },
  call: ShadowCall,
): void {
  if (underWay >= maxUnderWay) return;
  underWay++;
  setImmediate(() => {
    shadowEntry(engine, clock, call)
      .then((entry) => entry && sink.append(entry))
      .catch((error: unknown) => logger.warn('a shadow call could not be logged', { error }))
      .finally(() => {
        underWay--;
      });
  });
}

async function shadowEntry(engine: Engine, clock: () => number, call: ShadowCall) {
  const { shadow, input, rows, primary, predictions } = call;
  const { record } = shadow;
  const started = performance.now();
  const common = {
    at: clock(),
    modelId: record.modelId,
    version: record.version,
    route: 'shadow' as const,
    entityKey: call.entityKey,
    traceId: call.traceId,
  };
  const compared = { primaryVersion: primary.version, rows, primaryLatencyMs: call.primaryLatencyMs };
  const idOf = (row: number) => shadowIdOf(call.predictionIds[row] ?? '', call.areCallersIds);
  try {
    const { fetched } = chooseOutputs(callSignature(record.signature).outputs, call.outputs);
    const outputs = await runRows(engine, shadow.engineModel, encodeInput(record, input), {
      outputs: fetched,
    });
    const answers = readPredictions(fetched, outputs, record.classLabels, rows);
    const answered = answers.map((_, row) => predictions[row]?.value ?? null);
    const areClasses = [record, primary].every(answersClasses);
    const agrees = answers.map(({ value }, row) => agree(value, answered[row] ?? null, areClasses));
    return {
      ...common,
      latencyMs: performance.now() - started,
      predictionIds: answers.map((_, row) => idOf(row)),
      features: call.features,
      values: answers.map((answer) => answer.value),
      probabilities: answers.map((answer) => answer.probabilities ?? null),
      error: null,
      shadow: { ...compared, agreed: agrees.filter(Boolean).length, agrees, primaryValues: answered },
    };
  } catch (error) {
    if (!(error instanceof ModelYardError)) throw error;
    // It gets all calls at once, whatever share it is made for: that some waited in vain says nothing against it.
    if (isBusy(error)) return undefined;
    return {
      ...common,
      latencyMs: performance.now() - started,
      predictionIds: [idOf(0)],
      features: null,
      values: [],
      probabilities: [],
      error: loggedError(error),
      shadow: { ...compared, agreed: 0 },
    };
  }
}

/** Whether the version's values are classes. */
function answersClasses({ signature }: VersionRecord): boolean {
  return signature.outputs.some(({ role }) => role !== undefined);
}

/** Numbers agree within this share of the larger one, and within this difference near zero. */
export const agreementTolerance = { relative: 0.01, absolute: 1e-6 };

/**
 * Labels agree when they are equal, numbers within {@link agreementTolerance}, arrays item by item.
 * @param areClasses whether numbers are the names of classes, which are equal or not
 */
export function agree(a: PredictedValue, b: PredictedValue, areClasses: boolean): boolean {
  if (Array.isArray(a))
    return (
      Array.isArray(b) &&
      a.length === b.length &&
      a.every((item, index) => agree(item, b[index] ?? null, areClasses))
    );
  if (areClasses || typeof a !== 'number' || typeof b !== 'number') return a === b;
  const { relative, absolute } = agreementTolerance;
  return Math.abs(a - b) <= Math.max(absolute, relative * Math.max(Math.abs(a), Math.abs(b)));
}
