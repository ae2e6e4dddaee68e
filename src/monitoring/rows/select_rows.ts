import type { ComparedColumn } from './compared_column.ts';

/** The column's values at those rows, in their order. */
export function selectRows(column: ComparedColumn, rows: Uint32Array): ComparedColumn {
  const { name, kind, values } = column;
  return kind === 'numeric'
    ? { name, kind, values: Float64Array.from(rows, (row) => values[row] ?? Number.NaN) }
    : { name, kind, values: Array.from(rows, (row) => values[row] ?? null) };
}

/** The row numbers of each group, given every row's group; a row of group −1 is in none. */
export function rowsByGroup(groupOfRow: Int32Array, groups: number): Uint32Array[] {
  const sizes = new Uint32Array(groups);
  for (const group of groupOfRow) if (group >= 0) sizes[group] = (sizes[group] ?? 0) + 1;
  const rows = Array.from(sizes, (size) => new Uint32Array(size));
  const filled = new Uint32Array(groups);
  groupOfRow.forEach((group, row) => {
    const into = rows[group];
    if (into === undefined) return;
    const position = filled[group] ?? 0;
    into[position] = row;
    filled[group] = position + 1;
  });
  return rows;
}
