import type { FileRef } from '../files/opened_file.ts';
import { openCsv } from './csv.ts';
import type { FileFormat } from './formats.ts';
import { openJsonl } from './json_lines.ts';
import type { Table } from './table.ts';

/** A file of rows: its format, its path or descriptor, the path as the caller named it, its size. */
export interface TableFile {
  format: FileFormat;
  path: FileRef;
  shownPath: string;
  bytes: number;
}

/**
 * Opens a file of rows, uses it and closes it.
 *
 * @throws INVALID_INPUT for a file that is not of its format
 */
export async function withTable<Result>(
  { format, path, shownPath, bytes }: TableFile,
  run: <Carried>(table: Table<Carried>) => Promise<Result>,
): Promise<Result> {
  const andClose = async <Carried>(table: Table<Carried>) => {
    try {
      return await run(table);
    } finally {
      await table.close();
    }
  };
  switch (format) {
    case 'csv':
      return andClose(await openCsv(path, shownPath, bytes));
    case 'jsonl':
      return andClose(await openJsonl(path, shownPath, bytes));
    case 'parquet': {
      const { openParquet } = await import('./parquet.ts');
      return andClose(await openParquet(path, shownPath, bytes));
    }
  }
}
