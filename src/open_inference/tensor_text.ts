import type { Tensor, TensorData } from '../tensors/datatypes.ts';
import { fromFloat16Bits } from '../tensors/float16.ts';

/**
 * The elements of a tensor as a JSON list. Whole numbers are written with all their digits; NaN and infinities, for which
 * JSON has no literal, by name.
 */
export function elementsText({ datatype, data }: Tensor): string {
  switch (datatype) {
    case 'BYTES':
      return JSON.stringify(data);
    case 'BOOL':
      return listOf(data, (element) => String(element !== 0));
    case 'FP16':
      return listOf(data, (bits) => floatText(fromFloat16Bits(Number(bits))));
    case 'FP32':
    case 'FP64':
      return listOf(data, (element) => floatText(Number(element)));
    default:
      return listOf(data, String);
  }
}

function listOf(data: TensorData, textOf: (element: number | bigint | string) => string): string {
  let list = '';
  for (let index = 0; index < data.length; index++)
    list += `${index === 0 ? '' : ','}${textOf(data[index] ?? 0)}`;
  return `[${list}]`;
}

function floatText(value: number): string {
  if (!Number.isFinite(value)) return `"${value}"`;
  // Without a point Python reads a whole number, which has no sign of zero.
  return Object.is(value, -0) ? '-0.0' : String(value);
}
