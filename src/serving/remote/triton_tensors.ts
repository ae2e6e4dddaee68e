import type { DatatypeName } from '../../registry/datatypes.ts';
import type { TensorSpec } from '../../registry/signature.ts';

/** Triton's names of the datatypes. */
export const tritonTypes: Record<DatatypeName, string> = {
  BOOL: 'TYPE_BOOL',
  INT8: 'TYPE_INT8',
  INT16: 'TYPE_INT16',
  INT32: 'TYPE_INT32',
  INT64: 'TYPE_INT64',
  UINT8: 'TYPE_UINT8',
  UINT16: 'TYPE_UINT16',
  UINT32: 'TYPE_UINT32',
  UINT64: 'TYPE_UINT64',
  FP16: 'TYPE_FP16',
  FP32: 'TYPE_FP32',
  FP64: 'TYPE_FP64',
  BYTES: 'TYPE_STRING',
};

/**
 * Why Triton's configuration cannot say a tensor, as in `The tensor "x" has no dimensions`: it must have a dimension, and each at
 * least one element or be free. Undefined: it can.
 */
export function untellable({ name, shape, unranked }: TensorSpec): string | undefined {
  const what = unranked
    ? 'no known number of dimensions'
    : shape.length === 0
      ? 'no dimensions'
      : shape.includes(0)
        ? 'a dimension of size 0'
        : undefined;
  return what && `The tensor ${JSON.stringify(name.slice(0, 80))} has ${what}`;
}
