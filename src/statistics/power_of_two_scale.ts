/**
 * A power of two that brings the largest of the sorted values near 1. Multiplying by it is exact, and sums of
 * squares of values such as 1e300 or 1e-300 then neither overflow nor vanish.
 */
export function powerOfTwoScale(sorted: Float64Array): number {
  const largest = Math.max(Math.abs(sorted[0] ?? 0), Math.abs(sorted.at(-1) ?? 0));
  if (largest === 0) return 1;
  return 2 ** Math.max(-1023, Math.min(1023, -Math.ceil(Math.log2(largest))));
}
