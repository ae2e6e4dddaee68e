import { extname } from 'node:path';
import { ModelYardError } from '../errors.ts';

/** The file formats that are read and written, by the file's extension. */
const formats = {
  csv: { extensions: ['.csv'], mimeType: 'text/csv' },
  jsonl: { extensions: ['.jsonl', '.ndjson'], mimeType: 'application/x-ndjson' },
  parquet: { extensions: ['.parquet'], mimeType: 'application/vnd.apache.parquet' },
} as const;
export type FileFormat = keyof typeof formats;

/** @throws INVALID_INPUT for an extension that is not a table's */
export function formatOf(path: string): FileFormat {
  const extension = extname(path).toLowerCase();
  for (const [format, { extensions }] of Object.entries(formats))
    if (extensions.some((known) => known === extension) && isFormat(format)) return format;
  throw new ModelYardError(
    'INVALID_INPUT',
    `${path} has ${extension === '' ? 'no extension' : `the extension ${extension}`}, which tells no format.`,
    'Name a .csv, .jsonl, .ndjson or .parquet file, uncompressed as a whole.',
  );
}

export function mimeTypeOf(path: string): string {
  return formats[formatOf(path)].mimeType;
}

function isFormat(name: string): name is FileFormat {
  return name in formats;
}
