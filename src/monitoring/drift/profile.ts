/**
 * One column of rows, as it comes out of a file, a log or a request. NaN, ±Infinity and null mean "missing".
 */
export type Column =
  | { name: string; kind: 'numeric'; values: Float64Array }
  | { name: string; kind: 'categorical' | 'boolean'; values: (string | null)[] };

/**
 * What a reference keeps of a numeric feature: the whole sample, sorted, so that every method stays exact.
 */
export interface NumericProfile {
  name: string;
  kind: 'numeric';
  /** Rows with a finite value; equals `sorted.length`. */
  count: number;
  /** Rows without one. */
  missing: number;
  /** The finite values, ascending. */
  sorted: Float64Array;
  /**
   * Moments of the finite values, in the feature's own unit; 0 when there are none. Deviation with ddof 0.
   */
  mean: number;
  standard_deviation: number;
  /** 0 when there are no finite values. */
  min: number;
  max: number;
  /** How many different finite values there are. */
  distinct: number;
}

/** What a reference keeps of a categorical feature. */
export interface CategoricalProfile {
  name: string;
  kind: 'categorical' | 'boolean';
  /** Rows with a value. */
  count: number;
  /** Rows without one. */
  missing: number;
  /** Rows per category. A Map, because a category may be called `__proto__`. */
  counts: Map<string, number>;
}

export type FeatureProfile = NumericProfile | CategoricalProfile;

/** The finite values of a column, in their order. Shares the memory of `values` when nothing is missing. */
export function finiteValues(values: Float64Array): Float64Array {
  for (let row = 0; row < values.length; row++)
    if (!Number.isFinite(values[row])) return values.filter(Number.isFinite);
  return values;
}

/** Rows per value, missing ones (null) left out. */
export function countValues<Value>(values: Iterable<Value | null>): Map<Value, number> {
  const counts = new Map<Value, number>();
  for (const value of values) if (value !== null) counts.set(value, (counts.get(value) ?? 0) + 1);
  return counts;
}

/** The profile of a column of any length, empty ones included. Does not change or keep `column.values`. */
export function profileColumn(column: Column): FeatureProfile {
  if (column.kind === 'numeric') return profileNumbers(column.name, column.values);
  const counts = countValues(column.values);
  let count = 0;
  for (const rows of counts.values()) count += rows;
  return { name: column.name, kind: column.kind, count, missing: column.values.length - count, counts };
}

function profileNumbers(name: string, values: Float64Array): NumericProfile {
  const sorted = finiteValues(values).slice().sort();
  const distinct = countDistinct(sorted);
  const min = sorted[0] ?? 0;
  const moments = distinct > 1 ? momentsOf(sorted) : { mean: min, standard_deviation: 0 };
  return {
    name,
    kind: 'numeric',
    count: sorted.length,
    missing: values.length - sorted.length,
    sorted,
    ...moments,
    min,
    max: sorted.at(-1) ?? 0,
    distinct,
  };
}

function countDistinct(sorted: Float64Array): number {
  let distinct = 0;
  let previous = Number.NaN;
  for (const value of sorted) {
    if (value !== previous) distinct++;
    previous = value;
  }
  return distinct;
}

/**
 * A power of two that brings the largest of the sorted values near 1. Multiplying by it is exact, and sums of
 * squares of values such as 1e300 or 1e-300 then neither overflow nor vanish.
 */
export function powerOfTwoScale(sorted: Float64Array): number {
  const largest = Math.max(Math.abs(sorted[0] ?? 0), Math.abs(sorted.at(-1) ?? 0));
  if (largest === 0) return 1;
  return 2 ** Math.max(-1023, Math.min(1023, -Math.ceil(Math.log2(largest))));
}

/** Two passes over the scaled values: mean first, then the mean squared deviation from it. */
function momentsOf(sorted: Float64Array): { mean: number; standard_deviation: number } {
  const scale = powerOfTwoScale(sorted);
  let sum = 0;
  for (const value of sorted) sum += value * scale;
  const mean = sum / sorted.length;
  let squares = 0;
  for (const value of sorted) squares += (value * scale - mean) ** 2;
  return { mean: mean / scale, standard_deviation: Math.sqrt(squares / sorted.length) / scale };
}
