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
  if (flat === undefined) return ` is nested otherwise than its shape [${describeShape(given.shape)}] says`;
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

/** The elements of a tensor, which may be given flat or nested; undefined: nested otherwise than the shape says. */
function flattened({ data, shape }: TensorJson): unknown[] | undefined {
  if (!holdsLists(data)) return data;
  return isNestedAs(shape, data, 0) ? data.flat(shape.length) : undefined;
}

/** Whether lists hold what is below an axis, be it flat or nested further. */
function isNestedAs(shape: readonly number[], list: readonly unknown[], axis: number): boolean {
  if (!holdsLists(list)) return list.length === elementCount(shape.slice(axis));
  return (
    list.length === shape[axis] &&
    list.every((inner) => Array.isArray(inner) && isNestedAs(shape, inner, axis + 1))
  );
}

function holdsLists(list: readonly unknown[]): boolean {
  for (let index = 0; index < list.length; index++) if (Array.isArray(list[index])) return true;
  return false;
}

/** The Open Inference Protocol's JSON form of a tensor, data flat. */
export function jsonOfTensor(tensor: Tensor): TensorJson {
  return {
    datatype: tensor.datatype,
    shape: tensor.shape,
    data: Array.from({ length: tensor.data.length }, (_, index) => readTensorElement(tensor, index)),
  };
}
