import type { DatatypeName } from '../../registry/datatypes.ts';
import { fromFloat16Bits, toFloat16Bits } from '../../tensors/float16.ts';

/**
 * Rounds numbers in place to those that a tensor of the datatype holds: 0.1 as float32 is 0.10000000149011612, however
 * it was written. What is beyond the datatype's range, which no model is given, stays as it is.
 */
export function roundAsModel(values: Float64Array, datatype: DatatypeName | undefined): void {
  if (datatype === 'FP32') roundEach(values, Math.fround);
  else if (datatype === 'FP16') roundEach(values, (value) => fromFloat16Bits(toFloat16Bits(value)));
}

function roundEach(values: Float64Array, round: (value: number) => number): void {
  for (let row = 0; row < values.length; row++) {
    const rounded = round(values[row] ?? 0);
    if (Number.isFinite(rounded)) values[row] = rounded;
  }
}

/** The shortest decimal of up to nine digits that rounds to the same float32; any other number unchanged. */
export function shortestDecimal(value: number): number {
  if (Math.fround(value) !== value) return value;
  for (let digits = 6; digits <= 9; digits++) {
    const short = Number(value.toPrecision(digits));
    // Zero has a sign, which its decimal does not show.
    if (Object.is(Math.fround(short), value)) return short;
  }
  return value;
}
