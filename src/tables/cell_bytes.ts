const [plus, minus, point, zero] = [43, 45, 46, 48];
/** Decimals of so many digits are whole numbers below 2^53 over a power of ten: one division rounds as it should. */
const maxDigits = 15;
const powers = Float64Array.from({ length: maxDigits + 1 }, (_, exponent) => 10 ** exponent);

/**
 * The number that the bytes of a cell write plainly: an optional sign, at most fifteen digits, at most one point. It is
 * then what `numberCell` reads. NaN for all else, which is to be read as text.
 */
export function plainNumber(bytes: Uint8Array, start: number, end: number): number {
  let at = start;
  const sign = bytes[at];
  if (sign === minus || sign === plus) at++;
  let [whole, digits, decimals] = [0, 0, -1];
  for (; at < end; at++) {
    const byte = bytes[at] ?? 0;
    const digit = byte - zero;
    if (digit >= 0 && digit <= 9) {
      whole = whole * 10 + digit;
      digits++;
      if (decimals >= 0) decimals++;
    } else if (byte === point && decimals < 0) decimals = 0;
    else return Number.NaN;
  }
  if (digits === 0 || digits > maxDigits) return Number.NaN;
  const value = decimals > 0 ? whole / (powers[decimals] ?? 1) : whole;
  return sign === minus ? -value : value;
}
