import { mkdtempSync, readFileSync, statSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import type { DatatypeName } from '../../src/registry/datatypes.ts';
import { openCsv } from '../../src/tables/csv.ts';
import { openJsonl } from '../../src/tables/json_lines.ts';
import { openParquet } from '../../src/tables/parquet.ts';
import type { ColumnMapping, ResultCell, ResultColumn, Table, TableRow } from '../../src/tables/table.ts';

export interface ReadTable {
  columns: string[];
  rows: TableRow[];
  /** The rows of every chunk. */
  chunkRows: number[];
  /** Of the file that was written from it. */
  written: Buffer;
}

/** Reads every row of a table and writes them all again, with the given cells in every row. */
async function copy<Carried>(
  table: Table<Carried>,
  folder: string,
  mapping: ColumnMapping,
  results: readonly ResultColumn[],
  cellsOf: (row: TableRow) => ResultCell[],
): Promise<ReadTable> {
  const path = join(mkdtempSync(join(folder, 'copy-')), 'output');
  const file = await open(path, 'wx');
  try {
    const writer = table.writer(file, results);
    const rows: TableRow[] = [];
    const chunkRows: number[] = [];
    for await (const chunk of table.chunks(mapping)) {
      rows.push(...chunk.rows);
      chunkRows.push(chunk.rows.length);
      await writer.write(chunk.carried, chunk.rows.map(cellsOf));
    }
    await writer.finish();
    return { columns: table.columns, rows, chunkRows, written: readFileSync(path) };
  } finally {
    await file.close();
    await table.close();
  }
}

export interface CopyOptions {
  /** Datatype of every feature. */
  features?: Record<string, DatatypeName>;
  entityColumn?: string;
  outcomeColumn?: string;
  results?: readonly ResultColumn[];
  cellsOf?: (row: TableRow) => ResultCell[];
}

/** Copies a file of any format into a new file in `folder`. */
export async function copyFile(path: string, folder: string, options: CopyOptions = {}): Promise<ReadTable> {
  const mapping: ColumnMapping = {
    features: Object.entries(options.features ?? {}).map(([name, datatype], column) => ({
      name,
      datatype,
      input: 'x',
      column,
    })),
    entityColumn: options.entityColumn,
    outcomeColumn: options.outcomeColumn,
  };
  const rest = [folder, mapping, options.results ?? [], options.cellsOf ?? (() => [])] as const;
  const { size } = statSync(path);
  if (path.endsWith('.csv')) return copy(await openCsv(path, 'given.csv', size), ...rest);
  if (path.endsWith('.jsonl')) return copy(await openJsonl(path, 'given.jsonl', size), ...rest);
  return copy(await openParquet(path, 'given.parquet', size), ...rest);
}
