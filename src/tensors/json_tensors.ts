import type { DatatypeName } from '../registry/datatypes.ts';
import { describeShape } from '../registry/signature.ts';
import { datatype, elementCount, maxRank, type Tensor } from './datatypes.ts';
import { describeDatatype, readTensorElement, writeElement, writeNonFinite } from './elements.ts';
import { show } from './shown_value.ts';

/**
 * A tensor as the Open Inference Protocol's JSON form has it; `data` is flat or nested, row-major. In floating tensors
 * "NaN" (or null), "Infinity" and "-Infinity" stand for the numbers that JSON has no literal for.
 */
export interface TensorJson {
  datatype: DatatypeName;
  shape: number[];
  data: unknown[];
}

/** The tensor, or what is wrong with it as the end of a sentence that begins with its name. */
export function tensorOfJson(given: TensorJson): Tensor | string {
  const fault = shapeFault(given.shape);
  if (fault !== undefined) return fault;
  const length = elementCount(given.shape);
  const flat = flattened(given);
  if (flat.length !== length) return countFault(flat.length, given.shape);
  const type = datatype(given.datatype);
  const data = type.kind === 'string' ? Array.from({ length }, () => '') : type.create(length);
  for (let index = 0; index < length; index++) {
    const value = flat[index];
    if (!writeElement(data, index, type, value) && !writeNonFinite(data, index, type, value))
      return `, element ${index}: expected ${describeDatatype(type, 'tensor')}, got ${show(value)}`;
  }
  return { datatype: given.datatype, shape: given.shape, data };
}

/** What is wrong with a shape, as the end of a sentence; undefined: nothing. */
function shapeFault(shape: readonly number[]): string | undefined {
  return shape.length > maxRank ? ` has ${shape.length} dimensions; at most ${maxRank} are taken` : undefined;
}

/** That a tensor does not have as many elements as its shape says, as the end of a sentence. */
function countFault(elements: number, shape: readonly number[]): string {
  return ` has ${elements} elements, but its shape [${describeShape(shape)}] means ${elementCount(shape)}`;
}

/** The elements of a tensor, which may be given flat or nested. */
function flattened({ data, shape }: TensorJson): unknown[] {
  for (let index = 0; index < data.length; index++)
    if (Array.isArray(data[index])) return data.flat(shape.length);
  return data;
}

/** The Open Inference Protocol's JSON form of a tensor, data flat. */
export function jsonOfTensor(tensor: Tensor): TensorJson {
  return {
    datatype: tensor.datatype,
    shape: tensor.shape,
    data: Array.from({ length: tensor.data.length }, (_, index) => readTensorElement(tensor, index)),
  };
}
