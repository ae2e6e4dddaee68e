/** Values of rows, added up by the units that the rows belong to. */
export interface UnitSums {
  sums: Float64Array;
  counts: Float64Array;
}

/**
 * @param units of each row, numbered from 0 on
 * @param values one a row; a row of NaN counts for nothing
 * @param weights how often a row counts; default once
 */
export function sumByUnit(
  units: ArrayLike<number>,
  values: ArrayLike<number>,
  weights?: ArrayLike<number>,
): UnitSums {
  let most = -1;
  for (let row = 0; row < units.length; row++) most = Math.max(most, units[row] ?? -1);
  const sums = new Float64Array(most + 1);
  const counts = new Float64Array(most + 1);
  for (let row = 0; row < values.length; row++) {
    const [unit, value] = [units[row] ?? -1, values[row] ?? Number.NaN];
    if (unit < 0 || Number.isNaN(value)) continue;
    sums[unit] = (sums[unit] ?? 0) + value;
    counts[unit] = (counts[unit] ?? 0) + (weights?.[row] ?? 1);
  }
  return { sums, counts };
}
