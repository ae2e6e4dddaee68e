import { type FileHandle, open } from 'node:fs/promises';
import { type AsyncBuffer, type FileMetaData, parquetMetadataAsync, parquetScan } from 'hyparquet';
import { compressors } from 'hyparquet-compressors';
import { ModelYardError, messageOf } from '../../errors.ts';
import { describeElement, type ParquetColumn, parquetColumn } from './parquet_columns.ts';
import { type ColumnSlice, parquetWriter } from './parquet_writer.ts';
import {
  type ColumnMapping,
  emptyRecord,
  entityKeyOf,
  maxChunkRows,
  notReadable,
  type Table,
  type TableChunk,
  type TableRow,
} from './table.ts';

/** Row groups are read in ranges of at most so many rows and about so many stored bytes. */
const maxRangeRows = 10_000;
const rangeBytes = 4_000_000;

/**
 * A Parquet file of flat columns. Values are carried as they are stored, whatever they mean.
 * @throws INVALID_INPUT for a file that is not Parquet, is encrypted or has a nested column
 */
export async function openParquet(
  path: string,
  shownPath: string,
  bytes: number,
): Promise<Table<ColumnSlice[]>> {
  const handle = await open(path, 'r');
  try {
    const { file, declared, metadata, columns } = await openColumns(handle, shownPath, bytes);
    return {
      columns: columns.map(({ name }) => name),
      bytes,
      chunks: (mapping) => {
        requireReadable(columns, mapping, shownPath);
        return readChunks(file, metadata, columns, mapping, shownPath);
      },
      writer: (target, results) => parquetWriter(target, columns, results, declared),
      close: () => handle.close(),
    };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/** Opened so that values are read with the meaning of types left out: none is converted on its way through. */
async function openColumns(
  handle: FileHandle,
  shownPath: string,
  bytes: number,
): Promise<{
  file: AsyncBuffer;
  declared: FileMetaData;
  metadata: FileMetaData;
  columns: ParquetColumn[];
}> {
  const file = asyncBuffer(handle, bytes);
  const declared = await orNotParquet(shownPath, () => parquetMetadataAsync(file, { geoparquet: false }));
  const columns = columnsOf(declared, shownPath);
  const root = declared.schema[0];
  const metadata: FileMetaData = {
    ...declared,
    schema: [...(root ? [root] : []), ...columns.map(({ stored }) => stored)],
  };
  return { file, declared, metadata, columns };
}

/** The columns of a Parquet file for a reader that wants whole columns rather than rows. */
export interface ParquetValues {
  names: string[];
  rows: number;
  /**
   * A column's values in order, as predict takes them, a row group at a time: no more of the file is in memory.
   * @throws SIGNATURE_MISMATCH when the column holds what is no number, truth value or text
   */
  values(name: string): AsyncGenerator<{ rows: number; at: (row: number) => unknown }>;
  close(): Promise<void>;
}

/** @throws INVALID_INPUT for a file that is not Parquet, is encrypted or has a nested column */
export async function openParquetValues(
  path: string,
  shownPath: string,
  bytes: number,
): Promise<ParquetValues> {
  const handle = await open(path, 'r');
  try {
    const { file, metadata, columns } = await openColumns(handle, shownPath, bytes);
    return {
      names: columns.map(({ name }) => name),
      rows: Number(metadata.num_rows),
      async *values(name) {
        requireReadable(columns, { features: [], entityColumn: name, outcomeColumn: undefined }, shownPath);
        const wanted = columns.filter((column) => column.name === name);
        const read = wanted[0]?.read;
        let start = 0;
        for (const group of metadata.row_groups) {
          const end = start + Number(group.num_rows);
          const from = start;
          const [stored = []] = await orNotParquet(shownPath, () =>
            readRange(file, metadata, wanted, from, end),
          );
          yield { rows: end - start, at: (row) => read?.(stored[row] ?? null) ?? null };
          start = end;
        }
      },
      close: () => handle.close(),
    };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

async function* readChunks(
  file: AsyncBuffer,
  metadata: FileMetaData,
  columns: readonly ParquetColumn[],
  mapping: ColumnMapping,
  shownPath: string,
): AsyncGenerator<TableChunk<ColumnSlice[]>> {
  const rowAt = rowReader(columns, mapping);
  const total = Number(metadata.num_rows);
  let groupStart = 0;
  for (const group of metadata.row_groups) {
    const groupRows = Number(group.num_rows);
    const step = rangeRows(groupRows, Number(group.total_byte_size));
    for (let start = 0; start < groupRows; start += step) {
      const end = Math.min(start + step, groupRows);
      const range = await orNotParquet(shownPath, () =>
        readRange(file, metadata, columns, groupStart + start, groupStart + end),
      );
      for (let from = 0; from < end - start; from += maxChunkRows) {
        const to = Math.min(from + maxChunkRows, end - start);
        const done = groupStart + start + to;
        yield {
          rows: Array.from({ length: to - from }, (_, row) =>
            rowAt(range, from + row, groupStart + start + from + row + 1),
          ),
          carried: range.map((values) => ({ values, from, to })),
          position: Math.floor((file.byteLength * done) / Math.max(1, total)),
        };
      }
    }
    groupStart += groupRows;
  }
}

function rangeRows(groupRows: number, groupBytes: number): number {
  const rowBytes = Math.max(1, groupBytes / Math.max(1, groupRows));
  return Math.min(maxRangeRows, Math.max(maxChunkRows, Math.floor(rangeBytes / rowBytes)));
}

/** One array of stored values a column; column after column, so that little of the file is in memory at once. */
async function readRange(
  file: AsyncBuffer,
  metadata: FileMetaData,
  columns: readonly ParquetColumn[],
  rowStart: number,
  rowEnd: number,
): Promise<ArrayLike<unknown>[]> {
  const scan = await parquetScan({ file, metadata, compressors, utf8: false, rowStart, rowEnd });
  const range: ArrayLike<unknown>[] = [];
  for (const { name } of columns) {
    const values = await scan.readColumn({ column: name, rowStart, rowEnd });
    if (values.length !== rowEnd - rowStart)
      throw new Error(`column "${name}" has ${values.length} values for ${rowEnd - rowStart} rows`);
    range.push(values);
  }
  return range;
}

function rowReader(
  columns: readonly ParquetColumn[],
  mapping: ColumnMapping,
): (range: readonly ArrayLike<unknown>[], index: number, line: number) => TableRow {
  const readerOf = (name: string | undefined) => {
    const at = columns.findIndex((column) => column.name === name);
    const read = columns[at]?.read;
    return (range: readonly ArrayLike<unknown>[], index: number) =>
      read?.(range[at]?.[index] ?? null) ?? null;
  };
  const features = mapping.features.map(({ name }) => ({ name, read: readerOf(name) }));
  const entity = readerOf(mapping.entityColumn);
  const outcome = readerOf(mapping.outcomeColumn);
  return (range, index, line) => {
    const record = emptyRecord();
    for (const { name, read } of features) record[name] = read(range, index);
    return {
      line,
      features: record,
      fault: undefined,
      entityKey: entityKeyOf(entity(range, index)),
      outcome: outcome(range, index),
    };
  };
}

function columnsOf({ schema }: FileMetaData, shownPath: string): ParquetColumn[] {
  const [root, ...elements] = schema;
  const columns: ParquetColumn[] = [];
  for (const element of elements) {
    const column = parquetColumn(element);
    if (column === undefined || element.num_children !== undefined)
      throw notReadable(
        shownPath,
        `has the column "${element.name}" of type ${describeElement(element)}, which cannot be carried through.`,
        'Leave nested, repeated and INT96 columns out of the file.',
      );
    columns.push(column);
  }
  if (root === undefined || columns.length === 0)
    throw notReadable(shownPath, 'has no columns.', 'Give a file with the features of the model.');
  const repeated = columns.find(
    ({ name }, index) => columns.findIndex((other) => other.name === name) !== index,
  );
  if (repeated !== undefined)
    throw notReadable(shownPath, `names the column "${repeated.name}" twice.`, 'Rename one of them.');
  return columns;
}

/** @throws SIGNATURE_MISMATCH when a column that is to be read holds what is no number, truth value or text */
function requireReadable(columns: readonly ParquetColumn[], mapping: ColumnMapping, shownPath: string): void {
  const wanted = [...mapping.features.map(({ name }) => name), mapping.entityColumn, mapping.outcomeColumn];
  const unreadable = columns.find(({ name, read }) => read === undefined && wanted.includes(name));
  if (unreadable !== undefined)
    throw new ModelYardError(
      'SIGNATURE_MISMATCH',
      `${shownPath}: the column "${unreadable.name}" is ${describeElement(unreadable.element)}, which is no number, truth value or text.`,
      'Convert the column, then try again.',
    );
}

function asyncBuffer(handle: FileHandle, byteLength: number): AsyncBuffer {
  return {
    byteLength,
    async slice(start, end = byteLength) {
      const bytes = new Uint8Array(Math.max(0, end - start));
      let filled = 0;
      while (filled < bytes.length) {
        const { bytesRead } = await handle.read(bytes, filled, bytes.length - filled, start + filled);
        if (bytesRead === 0) throw new Error('the file ends too early');
        filled += bytesRead;
      }
      return bytes.buffer;
    },
  };
}

/** What a reader of the format throws is the file's fault. */
async function orNotParquet<T>(shownPath: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    throw notReadable(
      shownPath,
      `cannot be read as Parquet: ${messageOf(error).slice(0, 200)}.`,
      'Give a whole, unencrypted Parquet file.',
    );
  }
}
