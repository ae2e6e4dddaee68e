import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream';
import { parse } from 'csv-parse';
import { ModelYardError, messageOf } from '../../errors.ts';
import { columnBuilder } from './column_builder.ts';
import { finishColumns, type GivenColumns, requireRoom, type WantedRows, wantedOf } from './given_columns.ts';
import { textCells } from './values.ts';

/**
 * The wanted columns of a CSV file with a header line, in memory for the columns and a few lines.
 * @param shownPath the path as the caller named it, for errors.
 * @throws INVALID_INPUT for a file that is not CSV or has none of the features, LIMIT_EXCEEDED
 */
export async function readCsv(path: string, shownPath: string, wanted: WantedRows): Promise<GivenColumns> {
  const source = {
    reader: textCells,
    place: (row: number, name: string) => `${shownPath}, line ${row + 2}, column "${name}"`,
    hint: 'Correct the cell, or leave it empty if the value is missing.',
    strict: wanted.strict,
  };
  let header: string[] | undefined;
  let kept: {
    index: number;
    wanted: ReturnType<typeof wantedOf>[number];
    builder: ReturnType<typeof columnBuilder>;
  }[] = [];
  let rows = 0;
  const lines = parse({ bom: true, skip_empty_lines: true, max_record_size: 1_000_000 });
  // Unlike pipe, it hands a file's error on to the reader below, and closes the file when that stops early.
  pipeline(createReadStream(path), lines, () => undefined);
  try {
    for await (const line of lines) {
      if (!Array.isArray(line)) continue;
      const cells: string[] = line;
      if (header === undefined) {
        const names = cells.map((name) => name.trim());
        requireUniqueNames(names, shownPath);
        header = names;
        kept = wantedOf(names, wanted, shownPath).map((column) => ({
          index: names.indexOf(column.name),
          wanted: column,
          builder: columnBuilder(column, source),
        }));
        continue;
      }
      rows++;
      requireRoom(rows, kept.length, shownPath);
      for (const { index, builder } of kept) builder.push(cells[index] ?? '');
    }
  } catch (error) {
    if (error instanceof ModelYardError) throw error;
    throw new ModelYardError(
      'INVALID_INPUT',
      `${shownPath} cannot be read as CSV: ${messageOf(error).slice(0, 200)}.`,
      'Give a UTF-8 CSV file whose first line names the columns.',
    );
  }
  if (header === undefined)
    throw new ModelYardError(
      'INVALID_INPUT',
      `${shownPath} is empty.`,
      'Give a CSV file whose first line names the columns.',
    );
  return finishColumns(kept, header, rows, wanted);
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
