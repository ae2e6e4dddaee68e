import { comparedColumn } from '../../src/monitoring/rows/compared_column.ts';
import type { Column } from '../../src/tables/column.ts';

/** A column's values, null or NaN where they are missing. */
export function valuesOf(column: Column | undefined): (number | string | null)[] {
  return column === undefined ? [] : [...comparedColumn(column).values];
}

export function described(columns: readonly Column[]) {
  return columns.map((column) => [column.name, column.kind, valuesOf(column)]);
}

export function numeric(name: string, values: Iterable<number>): Column {
  return { name, kind: 'numeric', values: Float64Array.from(values) };
}

export function categorical(name: string, values: readonly (string | null)[]): Column {
  const categories = [...new Set(values)].filter((value) => value !== null);
  const codes = Int32Array.from(values, (value) => (value === null ? -1 : categories.indexOf(value)));
  return { name, kind: 'categorical', categories, codes };
}
