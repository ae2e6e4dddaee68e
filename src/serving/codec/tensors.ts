import { ModelYardError } from '../../errors.ts';
import type { DatatypeName } from '../../registry/datatypes.ts';
import { describeShape, describeTensors, type TensorSpec } from '../../registry/signature.ts';
import type { NamedTensors } from '../engine/protocol.ts';
import { datatype, elementCount, maxRank, type Tensor } from './datatypes.ts';
import { describeDatatype, readTensorElement, writeElement, writeNonFinite } from './elements.ts';
import { didYouMean, listed, show } from './records.ts';

/**
 * A tensor as the Open Inference Protocol's JSON form has it; `data` is flat or nested, row-major. In floating tensors
 * "NaN" (or null), "Infinity" and "-Infinity" stand for the numbers that JSON has no literal for.
 */
export interface TensorJson {
  datatype: DatatypeName;
  shape: number[];
  data: unknown[];
}

/**
 * Turns tensors of a call into the model's inputs.
 * @throws SIGNATURE_MISMATCH naming the tensor, what was given and what is expected.
 */
export function encodeTensors(
  inputs: readonly TensorSpec[],
  given: ReadonlyMap<string, TensorJson>,
): NamedTensors {
  const unknown = [...given.keys()].filter((name) => !inputs.some((input) => input.name === name));
  const missing = inputs.filter((input) => !given.has(input.name));
  if (unknown.length > 0 || missing.length > 0)
    throw mismatch(
      inputs,
      [
        ...(missing.length > 0 ? [`missing tensor ${listed(missing.map((input) => input.name))}`] : []),
        ...(unknown.length > 0 ? [`unknown tensor ${listed(unknown)}`] : []),
      ].join('; '),
      didYouMean(
        unknown,
        missing.map((input) => input.name),
      ),
    );
  const tensors: NamedTensors = new Map();
  for (const input of inputs) {
    const tensor = given.get(input.name);
    if (tensor !== undefined) tensors.set(input.name, encodeTensor(inputs, input, tensor));
  }
  return tensors;
}

function encodeTensor(inputs: readonly TensorSpec[], spec: TensorSpec, given: TensorJson): Tensor {
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
  if (given.shape.length > maxRank)
    throw mismatch(
      inputs,
      `tensor ${spec.name} has ${given.shape.length} dimensions; at most ${maxRank} are taken`,
    );
  const length = elementCount(given.shape);
  const flat = flattened(given);
  if (flat.length !== length)
    throw mismatch(
      inputs,
      `tensor ${spec.name} has ${flat.length} elements, but its shape [${describeShape(given.shape)}] means ${length}`,
    );
  const type = datatype(spec.datatype);
  const data = type.kind === 'string' ? Array.from({ length }, () => '') : type.create(length);
  for (let index = 0; index < length; index++) {
    const value = flat[index];
    if (!writeElement(data, index, type, value) && !writeNonFinite(data, index, type, value))
      throw mismatch(
        inputs,
        `tensor ${spec.name}, element ${index}: expected ${describeDatatype(type, 'tensor')}, got ${show(value)}`,
      );
  }
  return { datatype: spec.datatype, shape: given.shape, data };
}

/** The elements of a tensor, which may be given flat or nested. */
function flattened({ data, shape }: TensorJson): unknown[] {
  for (let index = 0; index < data.length; index++)
    if (Array.isArray(data[index])) return data.flat(shape.length);
  return data;
}

/** The Open Inference Protocol's JSON form of a tensor, data flat. */
export function decodeTensor(tensor: Tensor): TensorJson {
  return {
    datatype: tensor.datatype,
    shape: tensor.shape,
    data: Array.from({ length: tensor.data.length }, (_, index) => readTensorElement(tensor, index)),
  };
}

function mismatch(inputs: readonly TensorSpec[], what: string, guess = ''): ModelYardError {
  return new ModelYardError(
    'SIGNATURE_MISMATCH',
    `The tensors do not fit the model: ${what}.`,
    `${guess}Expected: ${describeTensors(inputs)}.`,
  );
}
