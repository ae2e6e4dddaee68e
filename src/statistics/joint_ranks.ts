/**
 * The ranks of one feature's values among the pooled rows of both sides, centred and scaled to variance 1. Ties
 * share their mean rank; a missing value stands in the middle, so that its row still counts for the other features.
 *
 * Ranks make heavy tails harmless. They are taken among both sides, not against the reference, because a
 * permutation test is exact only when what is permuted treats both sides alike.
 *
 * @param values pooled rows; NaN and infinities are missing
 * @returns undefined when the values present are all the same
 */
export function jointRanks(values: Float64Array): Float64Array | undefined {
  const present: number[] = [];
  values.forEach((value, row) => {
    if (Number.isFinite(value)) present.push(row);
  });
  const order = Uint32Array.from(present).sort((one, other) => (values[one] ?? 0) - (values[other] ?? 0));
  const count = order.length;
  const ranks = new Float64Array(values.length);
  let squares = 0;
  for (let start = 0; start < count; ) {
    const value = values[order[start] ?? 0] ?? 0;
    let end = start + 1;
    while (end < count && values[order[end] ?? 0] === value) end++;
    // The mean of the ranks start + 1 … end, less their overall mean.
    const centred = (start + end - count) / 2;
    for (let position = start; position < end; position++) ranks[order[position] ?? 0] = centred;
    squares += (end - start) * centred * centred;
    start = end;
  }
  if (squares === 0) return undefined;
  const deviation = Math.sqrt(squares / values.length);
  return ranks.map((rank) => rank / deviation);
}
