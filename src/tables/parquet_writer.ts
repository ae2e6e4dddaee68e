import type { FileHandle } from 'node:fs/promises';
import type { DecodedArray, FileMetaData, SchemaElement } from 'hyparquet';
import { ByteWriter, ParquetWriter } from 'hyparquet-writer';
import type { CarriedRows, ColumnSlice } from './parquet_chunks.ts';
import { type ParquetColumn, resultElement, storedCell, storedElement, withRoot } from './parquet_columns.ts';
import type { ResultColumn, TableWriter } from './table.ts';

/** A row group is written once it has so many rows or about so many bytes. */
const groupRows = 50_000;
const groupBytes = 8_000_000;

/** What a value takes in memory besides its bytes, roughly. */
function valueBytes({ type }: SchemaElement): number {
  return type === 'BYTE_ARRAY' || type === 'FIXED_LEN_BYTE_ARRAY' ? 120 : 8;
}

/**
 * Writes Parquet row group by row group: the input's columns as they were stored and declared, then the result
 * columns. Snappy; no statistics, since the order of values is by their meaning, which is not looked at here.
 */
export function parquetWriter(
  file: FileHandle,
  columns: readonly ParquetColumn[],
  results: readonly ResultColumn[],
  { num_rows: rows, row_groups: groups }: FileMetaData,
): TableWriter<CarriedRows> {
  const inputBytes = groups.reduce((sum, group) => sum + Number(group.total_byte_size), 0);
  const declared = results.map(resultElement);
  const elements = [...columns.map(({ element }) => element), ...declared];
  const overhead = elements.reduce((sum, element) => sum + valueBytes(element), 0);
  const limit = Math.min(
    groupRows,
    Math.ceil(groupBytes / (inputBytes / Math.max(1, Number(rows)) + overhead)),
  );
  const bytes = new ByteWriter();
  const parquet = new ParquetWriter({
    writer: bytes,
    schema: withRoot([...columns.map(({ stored }) => stored), ...declared.map(storedElement)]),
    statistics: false,
  });
  let held: ColumnSlice[][] = elements.map(() => []);
  let heldRows = 0;

  const writeBytes = async () => {
    await file.appendFile(bytes.getBytes());
    bytes.index = 0;
  };
  const writeGroup = async () => {
    if (heldRows === 0) return;
    await parquet.write({
      // A column is put together when it is written, not all at once.
      columnData: elements.map(({ name }, index) => ({
        name,
        get data() {
          return concatenated(held[index] ?? []);
        },
      })),
      rowGroupSize: heldRows,
    });
    held = elements.map(() => []);
    heldRows = 0;
    await writeBytes();
  };

  return {
    async write({ slices }, answers) {
      const added = results.map((result, index) => ({
        values: answers.map((cells) => storedCell(result, cells[index])),
        from: 0,
        to: answers.length,
      }));
      [...slices, ...added].forEach((slice, index) => {
        held[index]?.push(slice);
      });
      heldRows += answers.length;
      if (heldRows >= limit) await writeGroup();
    },
    async finish() {
      await writeGroup();
      // The values are written; the footer says what they mean.
      parquet.schema = withRoot(elements);
      await parquet.finish();
      await writeBytes();
    },
  };
}

/** All rows of a column. */
function concatenated(slices: readonly ColumnSlice[]): DecodedArray {
  const data: unknown[] = [];
  for (const { values, from, to } of slices)
    for (let row = from; row < to; row++) data.push(values[row] ?? null);
  return data;
}
