import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream';
import { parse } from 'csv-parse';
import { ModelYardError, messageOf } from '../errors.ts';
import { booleanCell, isMissingCell, numberCell } from '../registry/cells.ts';
import type { FeatureKind } from './columns.ts';

/** A file above this is no monitoring window any more. */
const maxRows = 1_000_000;

export interface CsvRows {
  header: string[];
  /** The raw cells of each wanted column that the file has. */
  cells: Map<string, string[]>;
  rows: number;
}

/**
 * Reads the wanted columns (all, when `wanted` is undefined) of a CSV file with a header line.
 * @param shownPath the path as the caller named it, for errors.
 * @throws INVALID_INPUT for a file that is not CSV, LIMIT_EXCEEDED above 1 000 000 rows.
 */
export async function readCsv(
  path: string,
  shownPath: string,
  wanted: readonly string[] | undefined,
): Promise<CsvRows> {
  let header: string[] = [];
  let kept: { name: string; index: number; cells: string[] }[] = [];
  let rows = 0;
  const lines = parse({ bom: true, skip_empty_lines: true, max_record_size: 1_000_000 });
  // Unlike pipe, it hands a file's error on to the reader below, and closes the file when that stops early.
  pipeline(createReadStream(path), lines, () => undefined);
  try {
    for await (const line of lines) {
      if (!Array.isArray(line)) continue;
      const fields: string[] = line;
      if (header.length === 0) {
        header = fields.map((name) => name.trim());
        requireUniqueNames(header, shownPath);
        kept = header.flatMap((name, index) =>
          wanted === undefined || wanted.includes(name) ? [{ name, index, cells: [] }] : [],
        );
        continue;
      }
      rows++;
      if (rows > maxRows)
        throw new ModelYardError(
          'LIMIT_EXCEEDED',
          `${shownPath} has more than ${maxRows} rows.`,
          'Give a sample of it.',
        );
      for (const column of kept) column.cells.push(fields[column.index] ?? '');
    }
  } catch (error) {
    if (error instanceof ModelYardError) throw error;
    throw new ModelYardError(
      'INVALID_INPUT',
      `${shownPath} cannot be read as CSV: ${messageOf(error).slice(0, 200)}.`,
      'Give a UTF-8 CSV file whose first line names the columns.',
    );
  }
  if (rows === 0)
    throw new ModelYardError(
      'INVALID_INPUT',
      `${shownPath} has no rows below its header.`,
      'Give a CSV file with rows.',
    );
  return { header, cells: new Map(kept.map(({ name, cells }) => [name, cells])), rows };
}

function requireUniqueNames(header: readonly string[], shownPath: string): void {
  const repeated = header.find((name, index) => header.indexOf(name) !== index);
  if (repeated !== undefined)
    throw new ModelYardError(
      'INVALID_INPUT',
      `${shownPath} names the column "${repeated}" twice.`,
      'Rename one of them.',
    );
}

/**
 * The cells of one column as values of the feature's kind; empty, NA, NaN, null and None are missing.
 * @throws INVALID_INPUT naming the line of a cell that is not of the kind.
 */
export function parseCells(feature: FeatureKind, cells: readonly string[], shownPath: string): unknown[] {
  return cells.map((cell, row) => {
    const text = cell.trim();
    if (isMissingCell(text)) return null;
    if (feature.kind === 'categorical') return text;
    const value = feature.kind === 'boolean' ? booleanCell(text) : numberCell(text);
    if (value !== undefined) return value;
    throw new ModelYardError(
      'INVALID_INPUT',
      `${shownPath}, line ${row + 2}, column "${feature.name}": expected ${feature.kind === 'numeric' ? 'a number' : 'true or false'}, got "${text.slice(0, 60)}".`,
      'Correct the cell, or leave it empty if the value is missing.',
    );
  });
}

/** The kind of a column of cells that no signature describes. */
export function inferCellKind(name: string, cells: readonly string[]): FeatureKind {
  const present = cells.map((cell) => cell.trim()).filter((text) => !isMissingCell(text));
  if (present.length > 0 && present.every((text) => /^(true|false)$/i.test(text)))
    return { name, kind: 'boolean' };
  return { name, kind: present.every((text) => numberCell(text) !== undefined) ? 'numeric' : 'categorical' };
}
