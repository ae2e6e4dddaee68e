import { CallCancelling, type Cancelling } from '../../cancelling.ts';
import { ModelYardError } from '../../errors.ts';
import { callParameters, outputWishes } from '../../open_inference/call_parameters.ts';
import { classification } from '../../open_inference/classification.ts';
import type { InferenceAnswer, InferenceCall } from '../../open_inference/messages.ts';
import type { VersionRecord } from '../../registry/version_record.ts';
import type { Services } from '../../services.ts';
import type { PredictAnswer } from '../../serving/predict.ts';
import type { Tensor } from '../../tensors/datatypes.ts';

/** An inference: who is asked, and what. */
export interface Inference {
  model: string;
  /** The version that stands in the address; undefined: the route decides, or a parameter. */
  version: string | undefined;
  call: InferenceCall;
  cancelling: Cancelling;
  traceId: string | undefined;
  /** What carried it, as the metrics name it. */
  front: 'open_inference' | 'grpc';
}

/** An answer, and of which outputs the caller wants the bytes. */
export interface Inferred {
  answer: InferenceAnswer;
  isBinary(output: string): boolean;
}

/**
 * Answers a call of the Open Inference Protocol, whatever carried it. `value`, `probabilities` and `prediction_ids` are
 * lists, one a row, as JSON in texts, since a parameter is a plain value.
 * @throws what predict throws; INVALID_INPUT for parameters that are wrong; TIMEOUT when the caller's own has passed
 */
export async function infer({ serving }: Services, inference: Inference): Promise<Inferred> {
  const { model, call } = inference;
  const parameters = callParameters(call);
  const wishes = outputWishes(call.outputs);
  const unheeded = [...parameters.warnings, ...[...wishes.values()].flatMap(({ warnings }) => warnings)];
  const answered = await withTimeout(parameters.timeoutMs, inference.cancelling, (signal) =>
    serving.predict({
      modelId: model,
      version: oneVersion(inference.version, parameters.version),
      entityKey: parameters.entityKey,
      predictionIds: parameters.predictionIds,
      input: { kind: 'typed', tensors: call.inputs },
      outputs: call.outputs?.map(({ name }) => name),
      signal,
      traceId: inference.traceId,
      front: inference.front,
    }),
  );
  const tensors = answered.tensors ?? new Map<string, Tensor>();
  const names = call.outputs === undefined ? [...tensors.keys()] : [...wishes.keys()];
  const ranked = [...wishes.values()].some(({ classes }) => classes !== undefined);
  const record = ranked ? (await serving.status(model, answered.version)).record : undefined;
  const outputs = names.flatMap((name): [string, Tensor][] => {
    const tensor = tensors.get(name);
    const classes = wishes.get(name)?.classes;
    if (tensor === undefined) return [];
    return [[name, classes === undefined ? tensor : largest(name, tensor, classes, record)]];
  });
  return {
    answer: {
      model,
      version: answered.version,
      id: call.id,
      parameters: answerParameters(answered, unheeded.slice(0, maxUnheeded)),
      outputs: new Map(outputs),
    },
    isBinary: (name) => wishes.get(name)?.isBinary ?? parameters.binaryOutputs,
  };
}

/** Of what has no effect, so much is told. */
const maxUnheeded = 20;

/** Rows that are arrays are the outputs themselves, and are not sent twice. */
function answerParameters(
  { predictions, predictionIds, route, latencyMs, warnings }: PredictAnswer,
  others: readonly string[],
): InferenceAnswer['parameters'] {
  const all = [...warnings, ...others];
  const values = predictions.map(({ value }) => value);
  const probabilities = predictions.flatMap(({ probabilities: own }) =>
    own === undefined ? [] : [Object.fromEntries(own)],
  );
  return {
    prediction_ids: JSON.stringify(predictionIds),
    ...(!values.some(Array.isArray) && { value: JSON.stringify(values) }),
    ...(probabilities.length > 0 && { probabilities: JSON.stringify(probabilities) }),
    route,
    latency_ms: Number(latencyMs.toFixed(3)),
    ...(all.length > 0 && { warnings: JSON.stringify(all) }),
  };
}

function largest(name: string, tensor: Tensor, classes: number, record: VersionRecord | undefined): Tensor {
  const labels =
    record?.classLabels ??
    record?.signature.outputs.find(({ classes: named }) => named !== undefined)?.classes?.map(String);
  const width = tensor.shape.slice(1).reduce((product, size) => product * size, 1);
  const ranked = classification(tensor, classes, labels?.length === width ? labels : undefined);
  if (ranked !== undefined) return ranked;
  throw new ModelYardError(
    'INVALID_INPUT',
    `The output ${JSON.stringify(name.slice(0, 80))} is text, of which there are no largest values.`,
    'Ask for classification of an output with numbers, such as the probabilities.',
  );
}

function oneVersion(inAddress: string | undefined, asParameter: string | undefined): string | undefined {
  if (inAddress !== undefined && asParameter !== undefined && inAddress !== asParameter)
    throw new ModelYardError(
      'INVALID_INPUT',
      `The call names the version ${inAddress.slice(0, 128)}, and ${asParameter.slice(0, 128)} in a parameter.`,
      'Name one of them.',
    );
  return inAddress ?? asParameter;
}

/** Gives a call up when its caller's own time has passed, as when the caller hangs up. @throws TIMEOUT */
async function withTimeout<T>(
  timeoutMs: number | undefined,
  cancelling: Cancelling,
  run: (signal: Cancelling) => Promise<T>,
): Promise<T> {
  if (timeoutMs === undefined) return run(cancelling);
  const own = new CallCancelling();
  const give = () => own.abort();
  if (cancelling.aborted) give();
  cancelling.addEventListener('abort', give);
  let hasPassed = false;
  const timer = setTimeout(
    () => {
      hasPassed = true;
      give();
    },
    Math.min(timeoutMs, longestTimeoutMs),
  );
  try {
    return await run(own);
  } catch (error) {
    if (!hasPassed || !(error instanceof ModelYardError) || error.code !== 'CANCELLED') throw error;
    throw new ModelYardError(
      'TIMEOUT',
      `The call's own timeout of ${timeoutMs} ms passed before it was answered.`,
      'Give it a longer one: it counts microseconds.',
      { cause: error },
    );
  } finally {
    clearTimeout(timer);
    cancelling.removeEventListener('abort', give);
  }
}

/** What a timer of Node can wait. */
const longestTimeoutMs = 2 ** 31 - 1;
