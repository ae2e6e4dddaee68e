import type { FileHandle } from 'node:fs/promises';
import { ModelYardError } from '../../errors.ts';
import type { Feature } from '../../registry/signature.ts';
import type { JsonRecord } from '../codec/records.ts';

/**
 * A file of rows, whatever its format. `Carried` is a chunk of rows as the format keeps it, so that the input's
 * columns reach the output exactly as they were.
 */
export interface Table<Carried> {
  /** The names of the columns, in order; of a JSON Lines file those of its first lines. */
  columns: string[];
  bytes: number;
  /**
   * The rows, at most `maxChunkRows` at a time and little memory ahead of the reader.
   * @throws INVALID_INPUT when the file turns out not to be of the format
   */
  chunks(mapping: ColumnMapping): AsyncIterable<TableChunk<Carried>>;
  /** Writes the same format to `file`: the input's columns, then `results`. */
  writer(file: FileHandle, results: readonly ResultColumn[]): TableWriter<Carried>;
  close(): Promise<void>;
}

export const maxChunkRows = 500;
/** A chunk also ends once it holds this much text. */
export const maxChunkCharacters = 1_000_000;
/** The longest row of a text format, characters. */
export const maxRowCharacters = 4_000_000;

/** Which columns are read for the model, the log and the report. */
export interface ColumnMapping {
  features: readonly Feature[];
  entityColumn: string | undefined;
  outcomeColumn: string | undefined;
}

export interface TableChunk<Carried> {
  rows: TableRow[];
  carried: Carried;
  /** How much of the file has been read, bytes. */
  position: number;
}

export interface TableRow {
  /** The line where the row begins, from 1; in Parquet the number of the row. */
  line: number;
  /** Exactly the model's features that the row has. */
  features: JsonRecord;
  /** Why the row cannot be given to the model, where that is known already. */
  fault: string | undefined;
  entityKey: string | null;
  outcome: unknown;
}

/** A column that the output has and the input has not. */
export interface ResultColumn {
  name: string;
  type: 'text' | 'number' | 'integer' | 'boolean';
}
/** undefined: the row has no such cell. */
export type ResultCell = string | number | bigint | boolean | null | undefined;

export interface TableWriter<Carried> {
  /** @param results one array a row, in the order of the result columns. */
  write(carried: Carried, results: readonly ResultCell[][]): Promise<void>;
  finish(): Promise<void>;
}

/** A record whose keys are data, also `__proto__`. */
export function emptyRecord(): JsonRecord {
  const record: JsonRecord = Object.create(null);
  return record;
}

export const maxEntityKeyLength = 512;

/** The key of an entity that a cell names: null for none. */
export function entityKeyOf(value: unknown): string | null {
  if (value === null || value === undefined || value === '') return null;
  return typeof value === 'string' ? value : String(value);
}

export function notReadable(shownPath: string, why: string, hint: string): ModelYardError {
  return new ModelYardError('INVALID_INPUT', `${shownPath} ${why}`, hint);
}
