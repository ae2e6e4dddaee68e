import { powerOfTwoScale } from '../../statistics/power_of_two_scale.ts';
import { type ComparedColumn, countValues, finiteValues } from '../rows/compared_column.ts';

/**
 * What a reference keeps of a numeric feature: the whole sample, sorted, so that every method stays exact.
 */
export interface NumericProfile {
  name: string;
  kind: 'numeric';
  /** Rows with a finite value; equals `sorted.length`. */
  count: number;
  /** Rows without a finite value. */
  missing: number;
  /** The finite values, ascending. */
  sorted: Float64Array;
  /**
   * Moments of the finite values, in the feature's own unit; 0 when there are none. Standard deviation with ddof 0.
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

/** The profile of a column of any length, empty ones included. Does not change or keep `column.values`. */
export function profileColumn(column: ComparedColumn): FeatureProfile {
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
