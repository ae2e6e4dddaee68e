import { ModelYardError } from '../errors.ts';
import { maxAnswerBytes, megabytes } from '../message_size.ts';
import type { Signature, TensorSpec } from '../registry/signature.ts';
import type { Tensor } from '../tensors/datatypes.ts';
import { jsonOfTensor, type TensorJson } from '../tensors/json_tensors.ts';
import type { ChosenOutputs } from './chosen_outputs.ts';
import type { PredictedValue, RowPrediction } from './codec/predictions.ts';
import type { NamedTensors } from './engine/protocol.ts';
import type { PredictInput } from './predict_input.ts';

/** Elements of the outputs that one answer may have, before it is measured in bytes. */
const maxAnswerElements = 1_000_000;
/** Answers of fewer numbers than this, without text, are far below the limit. */
const surelySmall = 5_000;

/**
 * The tensors of an answer, in the form in which tensors were given: all that were chosen; for records, those that belong
 * to the call, as JSON.
 */
export interface SentTensors {
  outputs: Map<string, TensorJson> | undefined;
  tensors: NamedTensors | undefined;
}

export function sentTensors(input: PredictInput, chosen: ChosenOutputs, outputs: NamedTensors): SentTensors {
  const sent: [string, Tensor][] = [];
  for (const { name, role } of chosen.fetched) {
    const tensor = outputs.get(name);
    const isSent = chosen.isSent(name) && (input.kind !== 'records' || role === 'call');
    if (isSent && tensor !== undefined) sent.push([name, tensor]);
  }
  if (input.kind === 'typed') return { outputs: undefined, tensors: new Map(sent) };
  if (sent.length === 0 && input.kind === 'records') return { outputs: undefined, tensors: undefined };
  return {
    outputs: new Map(sent.map(([name, tensor]) => [name, jsonOfTensor(tensor)])),
    tensors: undefined,
  };
}

/** @throws LIMIT_EXCEEDED when the outputs have more elements than an answer could carry */
export function requireFewElements(signature: Signature, outputs: NamedTensors, rows: number): void {
  const elements = elementsOf(outputs);
  if (elements > maxAnswerElements)
    throw tooLarge(signature, outputs, rows, `${elements} elements`, maxAnswerElements / elements);
}

/** Whether an answer may be so large that it is measured, and made in turns of the event loop. */
export function mayBeLarge(outputs: NamedTensors): boolean {
  if (elementsOf(outputs) >= surelySmall) return true;
  for (const { data } of outputs.values()) if (Array.isArray(data)) return true;
  return false;
}

/** @throws LIMIT_EXCEEDED when the answer is larger than what clients take in one message, saying what would fit */
export function requireFits(
  signature: Signature,
  outputs: NamedTensors,
  predictions: readonly RowPrediction[],
  sent: SentTensors,
): void {
  const idBytes = 64;
  // Typed tensors are sent as they are, and rows that repeat them are not.
  const size =
    sent.tensors === undefined
      ? Buffer.byteLength(JSON.stringify([predictions, sent.outputs && [...sent.outputs]]))
      : bytesOf(sent.tensors);
  const bytes = size + idBytes * predictions.length;
  if (bytes > maxAnswerBytes)
    throw tooLarge(signature, outputs, predictions.length, `${megabytes(bytes)} MB`, maxAnswerBytes / bytes);
}

function bytesOf(tensors: NamedTensors): number {
  return [...tensors.values()].reduce(
    (sum, { data }) => sum + (Array.isArray(data) ? Buffer.byteLength(data.join('')) : data.byteLength),
    0,
  );
}

function elementsOf(outputs: NamedTensors): number {
  let elements = 0;
  for (const { data } of outputs.values()) elements += data.length;
  return elements;
}

function tooLarge(
  { features }: Signature,
  outputs: NamedTensors,
  rows: number,
  size: string,
  share: number,
): ModelYardError {
  const fitting = Math.floor(rows * share * 0.9);
  const sizes = [...outputs]
    .sort(([, a], [, b]) => b.data.length - a.data.length)
    .slice(0, 5)
    .map(([name, { shape }]) => `${name.slice(0, 80)} [${shape.slice(0, 8)}]`);
  const ways = [
    ...(fitting >= 1 && rows > 1 ? [`send at most ${fitting} rows in one call`] : []),
    ...(outputs.size > 1 ? ['name in `outputs` only those that you need'] : []),
    ...(features.length > 0 ? ['give the rows to predict_file, which writes a file'] : []),
  ];
  return new ModelYardError(
    'LIMIT_EXCEEDED',
    `The model's answer has ${size}, more than clients take in one message. Its outputs: ${sizes.join(', ')}.`,
    ways.length === 0
      ? 'Serve a model with smaller outputs: for example one that ends with the largest scores only.'
      : `To get it, ${ways.join(', or ')}.`,
  );
}

/** Warnings about values that an answer's rows lack. */
export function valueWarnings(
  outputs: readonly TensorSpec[],
  predictions: readonly RowPrediction[],
): string[] {
  if (outputs.every(({ role }) => role === 'call')) return [];
  const isMissing = (value: PredictedValue): boolean =>
    value === null || (Array.isArray(value) && value.some(isMissing));
  const missing = predictions.filter(
    ({ value, scores }) => isMissing(value) || (scores !== undefined && isMissing(scores)),
  ).length;
  return missing === 0
    ? []
    : [`${missing} of ${predictions.length} predictions hold NaN or infinity, which is shown as null.`];
}
