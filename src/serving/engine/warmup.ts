import type { TensorSpec } from '../../registry/signature.ts';
import { datatype, elementCount, type TensorData } from '../../tensors/datatypes.ts';
import { writeElement } from '../../tensors/elements.ts';
import { toFloat16Bits } from '../../tensors/float16.ts';
import type { KnownInput } from '../graph/known_inputs.ts';
import type { NamedTensors } from './protocol.ts';

/** The sizes of inputs that are known to fit a model, by input; -1 where one is not known. */
export type InputSizes = ReadonlyMap<string, readonly number[]>;

/**
 * The inputs with their free dimensions as far as they are known: by the sizes that somebody gave, else by the width
 * that an operator of the graph has. The first dimension, the rows, stays free.
 */
export function sizedInputs(
  inputs: readonly TensorSpec[],
  sizes: InputSizes,
  known: readonly KnownInput[],
): TensorSpec[] {
  return inputs.map((input) => {
    const { name, unranked } = input;
    const given = sizes.get(name) ?? [];
    if (unranked) return given.length === 0 ? input : { ...input, shape: [-1, ...given.slice(1)] };
    const width = input.shape.length === 2 ? known.find((one) => one.name === name)?.width : undefined;
    const shape = input.shape.map((dimension, axis) => {
      if (dimension !== -1 || axis === 0) return dimension;
      const size = given[axis] ?? -1;
      return size === -1 && axis === 1 ? (width ?? -1) : size;
    });
    return { ...input, shape };
  });
}

/**
 * Inputs of zeros (false, empty text) or of ones (true, "1"), with every free dimension 1: the smallest run there is.
 * @param known puts a category that its encoder knows into every column that has one.
 */
export function warmupTensors(
  inputs: readonly TensorSpec[],
  fill: 0 | 1,
  known: readonly KnownInput[] = [],
): NamedTensors {
  return new Map(
    inputs.map((input) => {
      const shape = input.shape.map((dimension) => (dimension === -1 ? 1 : dimension));
      const data = filled(input, elementCount(shape), fill);
      const categories = known.find(({ name }) => name === input.name)?.categories ?? [];
      const width = shape[1] ?? 1;
      const type = datatype(input.datatype);
      categories.slice(0, width).forEach((category, column) => {
        if (category === null) return;
        for (let at = column; at < data.length; at += width) writeElement(data, at, type, category);
      });
      return [input.name, { datatype: input.datatype, shape, data }];
    }),
  );
}

/** Whether the graph names categories, so that inputs can be tried that have them. */
export function namesCategories(known: readonly KnownInput[]): boolean {
  return known.some(({ categories }) => categories.some((category) => category !== null));
}

function filled(input: TensorSpec, length: number, fill: 0 | 1): TensorData {
  const type = datatype(input.datatype);
  if (type.kind === 'string') return Array.from({ length }, () => (fill === 1 ? '1' : ''));
  if (type.kind === 'bigint') return type.create(length).fill(BigInt(fill));
  if (type.kind === 'half') return type.create(length).fill(toFloat16Bits(fill));
  return type.create(length).fill(fill);
}
