import type { FileHandle } from 'node:fs/promises';
import type { AsyncBuffer, ColumnChunk, ColumnMetaData, FileMetaData, RowGroup } from 'hyparquet';
import { ByteWriter, ParquetWriter } from 'hyparquet-writer';
import { type ParquetColumn, resultElement, withRoot } from './parquet_columns.ts';
import { resultColumnChunk } from './parquet_result_column.ts';
import type { ResultColumn, TableWriter } from './table.ts';

/** Results of larger row groups would take too much memory until the group is full. */
const maxGroupRows = 1_500_000;
/** Copied at once. */
const pieceBytes = 1 << 20;

/** Whether the columns of every row group can be copied as they are. */
export function canCopy({ row_groups: groups }: FileMetaData, columns: readonly ParquetColumn[]): boolean {
  return groups.every(
    (group) =>
      group.num_rows <= maxGroupRows &&
      columns.every(({ name }) => {
        const chunk = chunkOf(group, name);
        return chunk?.file_path === undefined && chunk?.meta_data !== undefined;
      }),
  );
}

/**
 * Writes the row groups of a file with results: the bytes of the input's columns are copied unread, the results' columns
 * are encoded as their rows come. No statistics, as in parquetWriter.
 * @param source the input, whose metadata has the columns of `columns` alone
 */
export function parquetCopier(
  file: FileHandle,
  source: AsyncBuffer,
  { row_groups: groups }: FileMetaData,
  columns: readonly ParquetColumn[],
  results: readonly ResultColumn[],
): TableWriter<{ rows: number }> {
  const bytes = new ByteWriter();
  const schema = withRoot([...columns.map(({ element }) => element), ...results.map(resultElement)]);
  const parquet = new ParquetWriter({ writer: bytes, schema, statistics: false });
  const waiting = groups.filter(({ num_rows: rows }) => rows > 0n);
  let added = results.map(resultColumnChunk);
  let held = 0;

  const flush = async () => {
    await file.appendFile(bytes.getBytes());
    bytes.index = 0;
  };
  const append = async (piece: Uint8Array) => {
    await file.appendFile(piece);
    bytes.offset += piece.length;
  };
  const copy = async (meta: ColumnMetaData): Promise<ColumnChunk> => {
    const from = firstByte(meta);
    const end = from + Number(meta.total_compressed_size);
    const at = bytes.offset;
    for (let start = from; start < end; start += pieceBytes)
      await append(new Uint8Array(await source.slice(start, Math.min(start + pieceBytes, end))));
    const moved = (offset: bigint) => offset + BigInt(at - from);
    return {
      file_offset: BigInt(at),
      meta_data: {
        type: meta.type,
        encodings: meta.encodings,
        path_in_schema: meta.path_in_schema,
        codec: meta.codec,
        num_values: meta.num_values,
        total_uncompressed_size: meta.total_uncompressed_size,
        total_compressed_size: meta.total_compressed_size,
        data_page_offset: moved(meta.data_page_offset),
        ...(meta.dictionary_page_offset && { dictionary_page_offset: moved(meta.dictionary_page_offset) }),
      },
    };
  };
  const endGroup = async (group: RowGroup) => {
    await flush();
    const start = bytes.offset;
    const chunks: ColumnChunk[] = [];
    for (const { name } of columns) {
      const meta = chunkOf(group, name)?.meta_data;
      if (meta !== undefined) chunks.push(await copy(meta));
    }
    for (const column of added) {
      const { bytes: pieces, chunk } = column.finish(bytes.offset);
      for (const piece of pieces) await append(piece);
      chunks.push(chunk);
    }
    parquet.row_groups.push({
      columns: chunks,
      num_rows: group.num_rows,
      total_byte_size: chunks.reduce((sum, one) => sum + (one.meta_data?.total_uncompressed_size ?? 0n), 0n),
      total_compressed_size: BigInt(bytes.offset - start),
    });
    parquet.num_rows += group.num_rows;
    added = results.map(resultColumnChunk);
    held = 0;
  };
  const endRows = async (rows: number) => {
    held += rows;
    const [group] = waiting;
    if (group === undefined || held < group.num_rows) return;
    waiting.shift();
    await endGroup(group);
  };

  return {
    async write({ rows }, answers) {
      for (const [index, column] of added.entries()) for (const cells of answers) column.add(cells[index]);
      await endRows(rows);
    },
    async writeColumns({ rows }, answers) {
      for (const [index, column] of added.entries()) {
        const values = answers[index];
        if (values !== undefined) column.addAll(values, rows);
      }
      await endRows(rows);
    },
    async finish() {
      parquet.finish();
      await flush();
    },
  };
}

function chunkOf({ columns }: RowGroup, name: string): ColumnChunk | undefined {
  return columns.find(
    ({ meta_data: meta }) => meta?.path_in_schema.length === 1 && meta.path_in_schema[0] === name,
  );
}

/** As hyparquet finds it. */
function firstByte({ dictionary_page_offset: dictionary, data_page_offset: data }: ColumnMetaData): number {
  return Number(dictionary || data);
}
