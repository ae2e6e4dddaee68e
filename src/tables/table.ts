import type { FileHandle } from 'node:fs/promises';
import { ModelYardError } from '../errors.ts';

/**
 * A file of rows, whatever its format. `Carried` is a chunk of rows as the format keeps it, so that the input's
 * columns reach the output exactly as they were.
 */
export interface Table<Carried> {
  /** The names of the columns, in order; of a JSON Lines file those of its first lines. */
  columns: string[];
  /** Columns that cannot be read or written, each with its type: nested ones of a Parquet file, say. */
  unreadable: { name: string; type: string }[];
  bytes: number;
  /**
   * The rows, at most `maxChunkRows` at a time and little memory ahead of the reader.
   * @throws INVALID_INPUT when the file turns out not to be of the format
   */
  chunks(mapping: ColumnMapping): AsyncIterable<TableChunk<Carried>>;
  /**
   * The values of some columns, in blocks of rows, for a reader that wants columns rather than records.
   * @throws INVALID_INPUT when the file turns out not to be of the format
   */
  values(columns: readonly WantedColumn[]): AsyncIterable<ValueBlock>;
  /** Writes the same format to `file`: the input's columns, then `results`. */
  writer(file: FileHandle, results: readonly ResultColumn[]): TableWriter<Carried>;
  close(): Promise<void>;
}

export const maxChunkRows = 500;
/** A chunk also ends once it holds this much text. */
export const maxChunkCharacters = 1_000_000;
/** The longest row of a text format, characters. */
export const maxRowCharacters = 4_000_000;

/** A column that is to be read. */
export interface WantedColumn {
  name: string;
  /** As predict takes its values; undefined: not known, and cells of text are given as they stand. */
  datatype: string | undefined;
}

/** Some rows of some of the wanted columns; every row of every wanted column is in one block. */
export interface ValueBlock {
  rows: number;
  /** Positions of the columns among those wanted. */
  columns: readonly number[];
  /** The value as predict takes it; null where there is none. @param column position among those wanted */
  at(row: number, column: number): unknown;
  /** The line of the file where a row begins, or its number, from 1. */
  line(row: number): number;
  /** Why the row cannot be read. */
  fault(row: number): string | undefined;
}

/** Which columns are read for the model, the log and the report. */
export interface ColumnMapping {
  features: readonly { name: string; datatype: string }[];
  entityColumn: string | undefined;
  outcomeColumn: string | undefined;
  /** Columns whose values are wanted as they stand. */
  others?: readonly string[] | undefined;
}

export interface TableChunk<Carried> {
  rows: TableRow[];
  /** The same rows by columns, where a format reads them so; some chunks of a file may have them and others not. */
  columns?: RowColumns | undefined;
  carried: Carried;
  /** How much of the file has been read, bytes. */
  position: number;
}

/** Whole rows, each with all columns of the file, by the columns of a mapping. */
export interface RowColumns {
  rows: number;
  /** As in TableRow. */
  line(row: number): number;
  /**
   * The values of the mapping's feature of that position: numbers, with NaN for a missing one and 1 and 0 for booleans,
   * or texts. undefined: a value is something else, which only the rows can say.
   */
  values(feature: number): Float64Array | string[] | undefined;
  /** One a row; undefined where the mapping has no such column. */
  entityKeys(): (string | null)[] | undefined;
  outcomes(): unknown[] | undefined;
}

export interface TableRow {
  /** The line where the row begins, from 1; in Parquet the number of the row. */
  line: number;
  /** Exactly the model's features that the row has. */
  features: Record<string, unknown>;
  /** Why the row cannot be given to the model, where that is known already. */
  fault: string | undefined;
  entityKey: string | null;
  outcome: unknown;
  /** The values of the other columns that were asked for; null where the row has none. */
  others: unknown[];
}

/** A column that the output has and the input has not. */
export interface ResultColumn {
  name: string;
  type: 'text' | 'number' | 'integer' | 'boolean';
}
/** undefined: the row has no such cell. */
export type ResultCell = string | number | bigint | boolean | null | undefined;

/** The cells of a result column, one a row: numbers (also for a column of integers), with NaN for none, or positions in `values`. */
export type ResultValues =
  | { numbers: Float64Array }
  | { values: readonly ResultCell[]; positions: ArrayLike<number> };

export interface TableWriter<Carried> {
  /** @param results one array a row, in the order of the result columns. */
  write(carried: Carried, results: readonly ResultCell[][]): Promise<void>;
  /** Writes rows of a chunk that has columns: the same as `write` does of the same cells. */
  writeColumns?(carried: Carried, results: readonly ResultValues[]): Promise<void>;
  finish(): Promise<void>;
}

/** A record whose keys are data, also `__proto__`. */
export function emptyRecord(): Record<string, unknown> {
  const record: Record<string, unknown> = Object.create(null);
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
