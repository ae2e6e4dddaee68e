import { createHash } from 'node:crypto';
import type { Column } from '../../tables/column.ts';

/** One column of rows from a file, a log or a request. NaN, ±Infinity and null mean "missing". */
export type ComparedColumn =
  | { name: string; kind: 'numeric'; values: Float64Array }
  | { name: string; kind: 'categorical' | 'boolean'; values: (string | null)[] };

/** Texts up to this many characters are categories unchanged. */
const longestCategory = 200;
const keptCharacters = 160;

/** The column in the form that drift methods take. */
export function comparedColumn(column: Column): ComparedColumn {
  if (column.kind === 'numeric') return column;
  const { name, kind, codes } = column;
  const categories = column.categories.map(categoryKey);
  return { name, kind, values: Array.from(codes, (code) => categories[code] ?? null) };
}

/** Long texts become their beginning and a hash, so that whole documents fill neither memory nor the database. */
function categoryKey(text: string): string {
  if (text.length <= longestCategory) return text;
  const hash = createHash('sha256').update(text).digest('hex').slice(0, 16);
  return `${text.slice(0, keptCharacters)}… #${hash}`;
}

/** Some rows of a column, in their order. */
export function pickRows(column: Column, rows: Uint32Array): Column {
  if (column.kind === 'numeric') {
    const { values } = column;
    return { ...column, values: Float64Array.from(rows, (row) => values[row] ?? Number.NaN) };
  }
  const { codes } = column;
  return { ...column, codes: Int32Array.from(rows, (row) => codes[row] ?? -1) };
}

export function rowsOf(column: Column): number {
  return column.kind === 'numeric' ? column.values.length : column.codes.length;
}

/** A value as it stands in a record: null where it is missing. */
export function recordValue(column: Column, row: number): number | string | boolean | null {
  if (column.kind === 'numeric') {
    const value = column.values[row] ?? Number.NaN;
    return Number.isFinite(value) ? value : null;
  }
  const category = column.categories[column.codes[row] ?? -1];
  if (category === undefined) return null;
  return column.kind === 'boolean' ? category === 'true' : category;
}

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
