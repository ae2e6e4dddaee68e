import type { TensorSpec } from '../../registry/signature.ts';
import { datatype, elementCount, type TensorData } from '../codec/datatypes.ts';
import { toFloat16Bits } from '../codec/float16.ts';
import type { NamedTensors } from './protocol.ts';

/** Inputs of zeros (false, empty text) or of ones (true, "1"), with every free dimension 1: the smallest run there is. */
export function warmupTensors(inputs: readonly TensorSpec[], fill: 0 | 1): NamedTensors {
  return new Map(
    inputs.map((input) => {
      const shape = input.shape.map((dimension) => (dimension === -1 ? 1 : dimension));
      const length = elementCount(shape);
      return [input.name, { datatype: input.datatype, shape, data: filled(input, length, fill) }];
    }),
  );
}

function filled(input: TensorSpec, length: number, fill: 0 | 1): TensorData {
  const type = datatype(input.datatype);
  if (type.kind === 'string') return Array.from({ length }, () => (fill === 1 ? '1' : ''));
  if (type.kind === 'bigint') return type.create(length).fill(BigInt(fill));
  if (type.kind === 'half') return type.create(length).fill(toFloat16Bits(fill));
  return type.create(length).fill(fill);
}
