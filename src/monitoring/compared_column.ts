import { createHash } from 'node:crypto';
import type { Column } from './drift/index.ts';
import type { WindowColumn } from './log/window_column.ts';

/** Texts up to this many characters are categories as they are. */
const longestCategory = 200;
const keptCharacters = 160;

/** The column as the drift numerics take it. */
export function comparedColumn(column: WindowColumn): Column {
  if (column.kind === 'numeric') return column;
  const { name, kind, codes } = column;
  const categories = column.categories.map(categoryKey);
  return { name, kind, values: Array.from(codes, (code) => categories[code] ?? null) };
}

/** Long texts by their beginning and a hash: whole documents must not fill the memory and the database. */
function categoryKey(text: string): string {
  if (text.length <= longestCategory) return text;
  const hash = createHash('sha256').update(text).digest('hex').slice(0, 16);
  return `${text.slice(0, keptCharacters)}… #${hash}`;
}

/** Some rows of a column, in their order. */
export function pickRows(column: WindowColumn, rows: Uint32Array): WindowColumn {
  if (column.kind === 'numeric') {
    const { values } = column;
    return { ...column, values: Float64Array.from(rows, (row) => values[row] ?? Number.NaN) };
  }
  const { codes } = column;
  return { ...column, codes: Int32Array.from(rows, (row) => codes[row] ?? -1) };
}

export function rowsOf(column: WindowColumn): number {
  return column.kind === 'numeric' ? column.values.length : column.codes.length;
}

/** A value as a record has it: null where it is missing. */
export function recordValue(column: WindowColumn, row: number): number | string | boolean | null {
  if (column.kind === 'numeric') {
    const value = column.values[row] ?? Number.NaN;
    return Number.isFinite(value) ? value : null;
  }
  const category = column.categories[column.codes[row] ?? -1];
  if (category === undefined) return null;
  return column.kind === 'boolean' ? category === 'true' : category;
}
