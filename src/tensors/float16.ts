/** IEEE 754 half precision: numbers to their 16 bits and back. Node 20 has no Float16Array. */

const infinityBits = 0x7c00;
const scratch = new DataView(new ArrayBuffer(8));

/** The bits of the float16 nearest to a number, ties to even; infinity from 65520 on, as IEEE 754 rounds. */
export function toFloat16Bits(value: number): number {
  if (Number.isNaN(value)) return 0x7e00;
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0;
  const magnitude = Math.abs(value);
  if (magnitude >= 65520) return sign | infinityBits;
  scratch.setFloat64(0, magnitude);
  const exponent = Math.max((scratch.getUint16(0) >>> 4) - 1023, -14);
  // In units of the last place: below 2^-14 they stay 2^-24. The scaling by a power of two is exact.
  const mantissa = roundHalfToEven(magnitude * 2 ** (10 - exponent));
  // A mantissa that rounds up to the next power of two correctly carries into the exponent.
  return sign | (mantissa + (exponent + 14) * 1024);
}

export function fromFloat16Bits(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >>> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0x1f) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return sign * (exponent === 0 ? fraction * 2 ** -24 : (1024 + fraction) * 2 ** (exponent - 25));
}

function roundHalfToEven(value: number): number {
  const below = Math.floor(value);
  const rest = value - below;
  if (rest !== 0.5) return rest > 0.5 ? below + 1 : below;
  return below % 2 === 0 ? below : below + 1;
}
