/**
 * The type-7 quantile of ascending values, to the last bit as numpy.quantile computes it: interpolated from
 * the nearer neighbour. The last bit matters, because it decides on which side of an edge a tied value falls.
 */
export function quantile(sorted: Float64Array, share: number): number {
  const position = (sorted.length - 1) * share;
  const index = Math.floor(position);
  const fraction = position - index;
  const below = sorted[index] ?? 0;
  const above = sorted[index + 1] ?? below;
  const gap = above - below;
  if (!Number.isFinite(gap)) return below * (1 - fraction) + above * fraction;
  return fraction < 0.5 ? below + gap * fraction : above - gap * (1 - fraction);
}
