import { ModelYardError } from '../../errors.ts';
import type { DatatypeName } from '../../registry/datatypes.ts';
import { describeTensors, type Feature, type TensorSpec } from '../../registry/signature.ts';
import type { NamedTensors } from '../engine/protocol.ts';
import { datatype, elementCount, type Tensor } from './datatypes.ts';
import { describeDatatype, readElement, writeElement, writeMissing } from './elements.ts';
import { show } from './records.ts';

/** A tensor as the Open Inference Protocol's JSON form has it; `data` is flat or nested, row-major. */
export interface TensorJson {
  datatype: DatatypeName;
  shape: number[];
  data: unknown[];
}

/**
 * Turns tensors of a call into the model's inputs.
 * @param features where the model takes missing values: null in such a column is NaN.
 * @throws SIGNATURE_MISMATCH naming the tensor, what was given and what is expected.
 */
export function encodeTensors(
  inputs: readonly TensorSpec[],
  given: ReadonlyMap<string, TensorJson>,
  features: readonly Feature[] = [],
): NamedTensors {
  const unknown = [...given.keys()].filter((name) => !inputs.some((input) => input.name === name));
  const missing = inputs.filter((input) => !given.has(input.name));
  if (unknown.length > 0 || missing.length > 0)
    throw mismatch(
      inputs,
      [
        ...(missing.length > 0 ? [`missing tensor ${missing.map((input) => input.name).join(', ')}`] : []),
        ...(unknown.length > 0 ? [`unknown tensor ${unknown.join(', ')}`] : []),
      ].join('; '),
    );
  const tensors: NamedTensors = new Map();
  for (const input of inputs) {
    const tensor = given.get(input.name);
    const nullable = new Set(
      features.flatMap((feature) =>
        feature.nullable && feature.input === input.name ? [feature.column] : [],
      ),
    );
    if (tensor !== undefined) tensors.set(input.name, encodeTensor(inputs, input, tensor, nullable));
  }
  return tensors;
}

function encodeTensor(
  inputs: readonly TensorSpec[],
  spec: TensorSpec,
  given: TensorJson,
  nullableColumns: ReadonlySet<number>,
): Tensor {
  if (given.datatype !== spec.datatype)
    throw mismatch(inputs, `tensor ${spec.name} has datatype ${given.datatype}, not ${spec.datatype}`);
  const fits =
    given.shape.length === spec.shape.length &&
    spec.shape.every((dimension, axis) => dimension === -1 || dimension === given.shape[axis]);
  if (!fits && !spec.unranked)
    throw mismatch(
      inputs,
      `tensor ${spec.name} has shape [${given.shape}], not [${spec.shape}]${spec.shape.includes(-1) ? ' (-1 is free)' : ''}`,
    );
  const flat: unknown[] = given.data.some(Array.isArray) ? given.data.flat(given.shape.length) : given.data;
  const length = elementCount(given.shape);
  if (flat.length !== length)
    throw mismatch(
      inputs,
      `tensor ${spec.name} has ${flat.length} elements, but its shape [${given.shape}] means ${length}`,
    );
  const type = datatype(spec.datatype);
  const data = type.kind === 'string' ? Array.from({ length }, () => '') : type.create(length);
  const width = given.shape[1] ?? 1;
  flat.forEach((value, index) => {
    const isMissing = value === null && nullableColumns.has(index % width);
    if (!(isMissing ? writeMissing(data, index, type) : writeElement(data, index, type, value)))
      throw mismatch(
        inputs,
        `tensor ${spec.name}, element ${index}: expected ${describeDatatype(type)}, got ${show(value)}`,
      );
  });
  return { datatype: spec.datatype, shape: given.shape, data };
}

/** The Open Inference Protocol's JSON form of a tensor, data flat. */
export function decodeTensor(tensor: Tensor): TensorJson {
  return {
    datatype: tensor.datatype,
    shape: tensor.shape,
    data: Array.from({ length: tensor.data.length }, (_, index) => readElement(tensor, index)),
  };
}

function mismatch(inputs: readonly TensorSpec[], what: string): ModelYardError {
  return new ModelYardError(
    'SIGNATURE_MISMATCH',
    `The tensors do not fit the model: ${what}.`,
    `Expected: ${describeTensors(inputs)}.`,
  );
}
