import { ModelYardError } from '../../errors.ts';
import { describeShape, describeTensors, type TensorSpec } from '../../registry/signature.ts';
import type { Tensor } from '../../tensors/datatypes.ts';
import { type TensorJson, tensorOfJson } from '../../tensors/json_tensors.ts';
import type { NamedTensors } from '../engine/protocol.ts';
import { didYouMean, listed } from './records.ts';

/**
 * Turns tensors of a call into the model's inputs.
 * @throws SIGNATURE_MISMATCH naming the tensor, what was given and what is expected.
 */
export function encodeTensors(
  inputs: readonly TensorSpec[],
  given: ReadonlyMap<string, TensorJson>,
): NamedTensors {
  return fittingTensors(inputs, given, (tensor) => tensorOfJson(tensor));
}

/** As encodeTensors, of tensors that have their elements already. */
export function requireTensors(
  inputs: readonly TensorSpec[],
  given: ReadonlyMap<string, Tensor>,
): NamedTensors {
  return fittingTensors(inputs, given, (tensor) => tensor);
}

/** @param read the tensor, or what is wrong with it as the end of a sentence that begins with its name */
function fittingTensors<Given extends Pick<Tensor, 'datatype' | 'shape'>>(
  inputs: readonly TensorSpec[],
  given: ReadonlyMap<string, Given>,
  read: (given: Given) => Tensor | string,
): NamedTensors {
  requireNames(inputs, [...given.keys()]);
  const tensors: NamedTensors = new Map();
  for (const input of inputs) {
    const own = given.get(input.name);
    if (own === undefined) continue;
    requireFitting(inputs, input, own);
    const tensor = read(own);
    if (typeof tensor === 'string') throw mismatch(inputs, `tensor ${input.name}${tensor}`);
    tensors.set(input.name, tensor);
  }
  return tensors;
}

function requireNames(inputs: readonly TensorSpec[], given: readonly string[]): void {
  const unknown = given.filter((name) => !inputs.some((input) => input.name === name));
  const missing = inputs.map(({ name }) => name).filter((name) => !given.includes(name));
  if (unknown.length === 0 && missing.length === 0) return;
  throw mismatch(
    inputs,
    [
      ...(missing.length > 0 ? [`missing tensor ${listed(missing)}`] : []),
      ...(unknown.length > 0 ? [`unknown tensor ${listed(unknown)}`] : []),
    ].join('; '),
    didYouMean(unknown, missing),
  );
}

function requireFitting(
  inputs: readonly TensorSpec[],
  spec: TensorSpec,
  given: Pick<Tensor, 'datatype' | 'shape'>,
): void {
  if (given.datatype !== spec.datatype)
    throw mismatch(inputs, `tensor ${spec.name} has datatype ${given.datatype}, not ${spec.datatype}`);
  const fits =
    given.shape.length === spec.shape.length &&
    spec.shape.every((dimension, axis) => dimension === -1 || dimension === given.shape[axis]);
  if (!fits && !spec.unranked)
    throw mismatch(
      inputs,
      `tensor ${spec.name} has shape [${describeShape(given.shape)}], not [${describeShape(spec.shape)}]${spec.shape.includes(-1) ? ' (-1 is free)' : ''}`,
    );
}

function mismatch(inputs: readonly TensorSpec[], what: string, guess = ''): ModelYardError {
  return new ModelYardError(
    'SIGNATURE_MISMATCH',
    `The tensors do not fit the model: ${what}.`,
    `${guess}Expected: ${describeTensors(inputs)}.`,
  );
}
