import { openParquetValues } from '../../serving/file/parquet_table.ts';
import { columnBuilder } from './column_builder.ts';
import { finishColumns, type GivenColumns, requireRoom, type WantedRows, wantedOf } from './given_columns.ts';
import { jsonValues } from './values.ts';

/**
 * The wanted columns of a Parquet file, one after another, in memory for them and one column's row group.
 * @throws INVALID_INPUT, SIGNATURE_MISMATCH for a column of dates or bytes, LIMIT_EXCEEDED
 */
export async function readParquet(
  path: string,
  shownPath: string,
  bytes: number,
  wanted: WantedRows,
): Promise<GivenColumns> {
  const file = await openParquetValues(path, shownPath, bytes);
  try {
    const columns = wantedOf(file.names, wanted, shownPath);
    requireRoom(file.rows, columns.length, shownPath);
    const source = {
      reader: jsonValues,
      place: (row: number, name: string) => `${shownPath}, row ${row + 1}, column "${name}"`,
      hint: 'Correct the value, or leave it null if it is missing.',
      strict: wanted.strict,
    };
    const built = columns.map((column) => ({
      wanted: column,
      builder: columnBuilder(column, source, Math.max(1, file.rows)),
    }));
    for (const { wanted: column, builder } of built)
      for await (const { rows, at } of file.values(column.name))
        for (let row = 0; row < rows; row++) builder.push(at(row));
    return finishColumns(built, file.names, file.rows, wanted);
  } finally {
    await file.close();
  }
}
