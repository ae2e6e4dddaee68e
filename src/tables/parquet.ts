import { type AsyncBuffer, type FileMetaData, parquetMetadataAsync, parquetScan } from 'hyparquet';
import { compressors } from 'hyparquet-compressors';
import { ModelYardError, messageOf } from '../errors.ts';
import { type FileRef, type PlacedReader, placedReader } from '../files/opened_file.ts';
import { type CarriedRows, parquetChunks } from './parquet_chunks.ts';
import { describeElement, type ParquetColumn, parquetColumn } from './parquet_columns.ts';
import { canCopy, parquetCopier } from './parquet_copier.ts';
import { parquetWriter } from './parquet_writer.ts';
import { notReadable, type Table, type ValueBlock, type WantedColumn } from './table.ts';

/**
 * A Parquet file of flat columns. Values are copied as they are stored, whatever their logical type.
 *
 * @throws INVALID_INPUT for a file that is not Parquet, is encrypted or has a nested column
 */
export async function openParquet(
  path: FileRef,
  shownPath: string,
  bytes: number,
): Promise<Table<CarriedRows>> {
  const handle = await placedReader(path);
  try {
    const { file, declared, metadata, columns, unreadable } = await openColumns(handle, shownPath, bytes);
    const isCopied = canCopy(metadata, columns);
    return {
      columns: columns.map(({ name }) => name),
      unreadable,
      bytes,
      chunks: (mapping) => {
        const { features, entityColumn, outcomeColumn, others = [] } = mapping;
        requireReadable(
          columns,
          [...features.map(({ name }) => name), entityColumn, outcomeColumn, ...others],
          shownPath,
        );
        return parquetChunks(file, metadata, columns, mapping, isCopied, (wanted, from, to) =>
          orNotParquet(shownPath, () => readRange(file, metadata, wanted, from, to)),
        );
      },
      values: (wanted) => {
        requireReadable(
          columns,
          wanted.map(({ name }) => name),
          shownPath,
        );
        return readValues(file, metadata, columns, wanted, shownPath);
      },
      writer: (target, results) =>
        isCopied
          ? parquetCopier(target, file, metadata, columns, results)
          : parquetWriter(target, columns, results, declared),
      close: () => handle.close(),
    };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/** Opened without logical types, so that no value is converted on its way to the output. */
async function openColumns(
  handle: PlacedReader,
  shownPath: string,
  bytes: number,
): Promise<{
  file: AsyncBuffer;
  declared: FileMetaData;
  metadata: FileMetaData;
  columns: ParquetColumn[];
  unreadable: Table<unknown>['unreadable'];
}> {
  const file = asyncBuffer(handle, bytes);
  const declared = await orNotParquet(shownPath, () => parquetMetadataAsync(file, { geoparquet: false }));
  const { columns, unreadable } = columnsOf(declared, shownPath);
  const root = declared.schema[0];
  const metadata: FileMetaData = {
    ...declared,
    schema: [
      ...(root ? [{ ...root, num_children: columns.length }] : []),
      ...columns.map(({ stored }) => stored),
    ],
    row_groups: declared.row_groups.map((group) => ({
      ...group,
      columns: group.columns.filter(({ meta_data }) =>
        columns.some(
          ({ name }) => meta_data?.path_in_schema.length === 1 && meta_data.path_in_schema[0] === name,
        ),
      ),
    })),
  };
  return { file, declared, metadata, columns, unreadable };
}

/** One column after another, a row group at a time, to bound the memory. */
async function* readValues(
  file: AsyncBuffer,
  metadata: FileMetaData,
  columns: readonly ParquetColumn[],
  wanted: readonly WantedColumn[],
  shownPath: string,
): AsyncGenerator<ValueBlock> {
  for (const [position, { name }] of wanted.entries()) {
    const found = columns.filter((column) => column.name === name);
    const read = found[0]?.read;
    let start = 0;
    for (const group of metadata.row_groups) {
      const from = start;
      const end = from + Number(group.num_rows);
      const [stored = []] = await orNotParquet(shownPath, () => readRange(file, metadata, found, from, end));
      yield {
        rows: end - from,
        columns: [position],
        at: (row) => read?.(stored[row] ?? null) ?? null,
        line: (row) => from + row + 1,
        fault: () => undefined,
      };
      start = end;
    }
  }
}

/** One array of stored values a column, read one column after another to bound the memory. */
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

/** The flat columns, and those that are not, with what is inside them left out. */
function columnsOf(
  { schema }: FileMetaData,
  shownPath: string,
): { columns: ParquetColumn[]; unreadable: { name: string; type: string }[] } {
  const columns: ParquetColumn[] = [];
  const unreadable: { name: string; type: string }[] = [];
  for (let at = 1; at < schema.length; at = endOf(schema, at)) {
    const element = schema[at];
    if (element === undefined) break;
    const column = element.num_children === undefined ? parquetColumn(element) : undefined;
    if (column === undefined) unreadable.push({ name: element.name, type: describeElement(element) });
    else columns.push(column);
  }
  if (columns.length === 0)
    throw notReadable(
      shownPath,
      'has no column of numbers, truth values or text.',
      'Give a file with the features of the model.',
    );
  const names = [...columns, ...unreadable].map(({ name }) => name);
  const repeated = names.find((name, index) => names.indexOf(name) !== index);
  if (repeated !== undefined)
    throw notReadable(shownPath, `names the column "${repeated}" twice.`, 'Rename one of them.');
  return { columns, unreadable };
}

/** The position after an element and everything nested in it. */
function endOf(schema: FileMetaData['schema'], at: number): number {
  let end = at + 1;
  for (let children = schema[at]?.num_children ?? 0; children > 0; children--) end = endOf(schema, end);
  return end;
}

/** @throws SIGNATURE_MISMATCH when a column to be read holds something other than numbers, booleans or text */
function requireReadable(
  columns: readonly ParquetColumn[],
  wanted: readonly (string | undefined)[],
  shownPath: string,
): void {
  const unreadable = columns.find(({ name, read }) => read === undefined && wanted.includes(name));
  if (unreadable !== undefined)
    throw new ModelYardError(
      'SIGNATURE_MISMATCH',
      `${shownPath}: the column "${unreadable.name}" is ${describeElement(unreadable.element)}, which is no number, truth value or text.`,
      'Convert the column, then try again.',
    );
}

function asyncBuffer(handle: PlacedReader, byteLength: number): AsyncBuffer {
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

/** Errors of the Parquet reader are reported as faults of the file. */
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
