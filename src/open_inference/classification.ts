import { datatype, elementCount, type Tensor } from '../tensors/datatypes.ts';
import { fromFloat16Bits } from '../tensors/float16.ts';

/**
 * The classification extension, as Triton defines it: in place of an output, the largest `count` values of each row, largest
 * first, as BYTES [rows, count] of "value:index" or, where the classes have names, "value:index:label". Values are written
 * with six decimals, as C's printf("%f") has them.
 * @param labels of the classes, in the order of a row's values
 * @returns undefined where the output has no numbers
 */
export function classification(
  output: Tensor,
  count: number,
  labels: readonly string[] | undefined,
): Tensor | undefined {
  if (datatype(output.datatype).kind === 'string') return undefined;
  const [rows = 1] = output.shape;
  const width = output.shape.length === 0 ? 1 : elementCount(output.shape.slice(1));
  const kept = Math.min(count, width);
  const data = Array.from({ length: rows }, (_, row) => {
    const values = Array.from({ length: width }, (_, index) => numberAt(output, row * width + index));
    return [...values.keys()]
      .sort((a, b) => descending(values[a], values[b]))
      .slice(0, kept)
      .map((index) => described(values[index] ?? Number.NaN, index, labels?.[index]));
  });
  return { datatype: 'BYTES', shape: output.shape.length === 0 ? [kept] : [rows, kept], data: data.flat() };
}

/** NaN is last; equal values stay in their order. */
function descending(a = Number.NaN, b = Number.NaN): number {
  if (Number.isNaN(a) || Number.isNaN(b)) return Number(Number.isNaN(a)) - Number(Number.isNaN(b));
  return a === b ? 0 : b > a ? 1 : -1;
}

function described(value: number, index: number, label: string | undefined): string {
  const text = Number.isFinite(value) ? value.toFixed(6) : String(value);
  return label === undefined ? `${text}:${index}` : `${text}:${index}:${label}`;
}

function numberAt({ datatype: name, data }: Tensor, index: number): number {
  const value = Number(data[index]);
  return name === 'FP16' ? fromFloat16Bits(value) : value;
}
