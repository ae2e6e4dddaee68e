import type { TensorSpec } from '../../registry/signature.ts';
import { datatype, elementCount } from '../codec/datatypes.ts';
import type { NamedTensors } from './protocol.ts';

/** Inputs of zeros (false, empty text) with every free dimension 1: the smallest run a model can do. */
export function warmupTensors(inputs: readonly TensorSpec[]): NamedTensors {
  return new Map(
    inputs.map((input) => {
      const shape = input.shape.map((dimension) => (dimension === -1 ? 1 : dimension));
      const type = datatype(input.datatype);
      const length = elementCount(shape);
      const data = type.kind === 'string' ? Array.from({ length }, () => '') : type.create(length);
      return [input.name, { datatype: input.datatype, shape, data }];
    }),
  );
}
