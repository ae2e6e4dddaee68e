import { uuidv7 } from 'uuidv7';
import { ModelYardError } from '../errors.ts';
import type { VersionRecord } from '../registry/version_record.ts';
import type { Logger } from '../telemetry/logger.ts';
import { type PredictedValue, type RowPrediction, readPredictions } from './codec/predictions.ts';
import type { Engine } from './engine/engine.ts';
import { encodeInput, type PredictInput } from './predict_input.ts';
import type { PredictionSink } from './prediction_sink.ts';
import type { ServedVersion } from './served_models.ts';

export interface ShadowCall {
  shadow: ServedVersion;
  entityKey: string | null;
  input: PredictInput;
  rows: number;
  features: [string, unknown[]][] | null;
  primary: VersionRecord;
  predictions: readonly RowPrediction[];
}

/** Shadow calls that may be under way at once; more are let go rather than hold up the calls that count. */
const maxUnderWay = 64;
let underWay = 0;

/**
 * Gives a call to the shadow version as well, after it was answered: nobody waits for it, its failures count
 * against nobody, and it is logged as what it is.
 */
export function runShadow(
  {
    engine,
    sink,
    clock,
    logger,
  }: { engine: Engine; sink: PredictionSink; clock: () => number; logger: Logger },
  call: ShadowCall,
): void {
  if (underWay >= maxUnderWay) return;
  underWay++;
  setImmediate(() => {
    shadowEntry(engine, clock, call)
      .then((entry) => sink.append(entry))
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
  };
  try {
    const outputs = await engine.run(shadow.engineModel, encodeInput(record, input));
    const answers = readPredictions(record.signature.outputs, outputs, record.classLabels, rows);
    const agreed = answers.filter((answer, row) =>
      agree(answer.value, predictions[row]?.value ?? null),
    ).length;
    return {
      ...common,
      latencyMs: performance.now() - started,
      predictionIds: answers.map(() => uuidv7()),
      features: call.features,
      values: answers.map((answer) => answer.value),
      probabilities: answers.map((answer) => answer.probabilities ?? null),
      error: null,
      shadow: { primaryVersion: primary.version, agreed },
    };
  } catch (error) {
    if (!(error instanceof ModelYardError)) throw error;
    return {
      ...common,
      latencyMs: performance.now() - started,
      predictionIds: [uuidv7()],
      features: null,
      values: [],
      probabilities: [],
      error: { code: error.code, message: error.message },
      shadow: { primaryVersion: primary.version, agreed: 0 },
    };
  }
}

/** Labels agree when they are equal, numbers within 1 % of the larger (or 1e-6), arrays item by item. */
export function agree(a: PredictedValue, b: PredictedValue): boolean {
  if (Array.isArray(a))
    return (
      Array.isArray(b) && a.length === b.length && a.every((item, index) => agree(item, b[index] ?? null))
    );
  if (typeof a === 'number' && typeof b === 'number')
    return Math.abs(a - b) <= Math.max(1e-6, 0.01 * Math.max(Math.abs(a), Math.abs(b)));
  return a === b;
}
