import { extname } from 'node:path';
import { readCsv } from './csv.ts';
import type { GivenColumns, WantedRows } from './given_columns.ts';

export interface FileToRead {
  /** The real path, checked to be allowed. */
  path: string;
  /** As the caller named it, for errors. */
  shownPath: string;
  bytes: number;
  wanted: WantedRows;
}

/**
 * Reads a file of rows as columns; its format is told by its name: .parquet, .jsonl or .ndjson, and anything else
 * is CSV.
 * @throws INVALID_INPUT, SIGNATURE_MISMATCH, LIMIT_EXCEEDED
 */
export async function readFile({ path, shownPath, bytes, wanted }: FileToRead): Promise<GivenColumns> {
  switch (extname(shownPath).toLowerCase()) {
    case '.parquet': {
      const { readParquet } = await import('./parquet.ts');
      return readParquet(path, shownPath, bytes, wanted);
    }
    case '.jsonl':
    case '.ndjson': {
      const { readJsonl } = await import('./jsonl.ts');
      return readJsonl(path, shownPath, bytes, wanted);
    }
    default:
      return readCsv(path, shownPath, wanted);
  }
}
