import { ModelYardError } from '../../errors.ts';
import type { FileRef } from '../../files/opened_file.ts';
import { type FileFormat, formatOf } from '../../tables/formats.ts';
import { withTable } from '../../tables/open_table.ts';
import type { Table } from '../../tables/table.ts';
import { type ColumnSource, columnBuilder } from './column_builder.ts';
import { finishColumns, type GivenColumns, requireRoom, type WantedRows, wantedOf } from './given_columns.ts';
import { jsonValues, textCells } from './values.ts';

export interface FileToRead {
  /** Opened, and checked to be in an allowed directory. */
  path: FileRef;
  /** As the caller named it, for error messages. */
  shownPath: string;
  bytes: number;
  wanted: WantedRows;
}

/**
 * Reads a file of rows as columns, in memory for them and a few rows. A value of a feature is what predict_file gives the
 * model; of a version without named features all columns are read, by what their values look like.
 * @throws INVALID_INPUT, SIGNATURE_MISMATCH, LIMIT_EXCEEDED
 */
export async function readFile({ path, shownPath, bytes, wanted }: FileToRead): Promise<GivenColumns> {
  const format = formatOf(shownPath);
  return withTable({ format, path, shownPath, bytes }, (table) =>
    readColumns(table, format, shownPath, wanted),
  );
}

/** What error messages call a row and a value. */
const terms: Record<FileFormat, { row: string; value: string; hint: string }> = {
  csv: {
    row: 'line',
    value: 'column',
    hint: 'Correct the cell, or leave it empty if the value is missing.',
  },
  jsonl: { row: 'line', value: 'member', hint: 'Correct the value, or leave it null if it is missing.' },
  parquet: { row: 'row', value: 'column', hint: 'Correct the value, or leave it null if it is missing.' },
};

async function readColumns<Carried>(
  table: Table<Carried>,
  format: FileFormat,
  shownPath: string,
  wanted: WantedRows,
): Promise<GivenColumns> {
  const unreadable = table.unreadable.map(({ name }) => name);
  const names = [...table.columns, ...unreadable];
  // In a version without named features every column that can be read is a feature.
  const columns = wantedOf(wanted.features.length > 0 ? names : table.columns, wanted, shownPath);
  const blocked = columns.find(({ name }) => unreadable.includes(name));
  if (blocked !== undefined)
    throw new ModelYardError(
      'SIGNATURE_MISMATCH',
      `${shownPath}: the column "${blocked.name}" is ${table.unreadable.find(({ name }) => name === blocked.name)?.type}, which is no number, truth value or text.`,
      'Convert the column, then try again.',
    );
  const { row: rowTerm, value: valueTerm, hint } = terms[format];
  const lines = lineNumbers();
  let rows = 0;
  const source: Omit<ColumnSource, 'reader'> = {
    place: (row, name) => `${shownPath}, ${rowTerm} ${lines.of(row)}, ${valueTerm} "${name}"`,
    hint,
    strict: wanted.strict,
  };
  const datatypes = new Map(wanted.features.map(({ name, datatype }) => [name, datatype]));
  const asked = columns.map(({ name }) => ({ name, datatype: datatypes.get(name) }));
  const built = columns.map((column, position) => {
    // The table itself reads cells whose datatype is known.
    const isPlain = format === 'csv' && asked[position]?.datatype === undefined;
    return {
      wanted: column,
      builder: columnBuilder(column, { ...source, reader: isPlain ? textCells : jsonValues }),
    };
  });
  for await (const block of table.values(asked)) {
    const isFirst = block.columns.includes(0);
    for (let row = 0; isFirst && row < block.rows; row++) {
      const fault = block.fault(row);
      if (fault !== undefined)
        throw new ModelYardError(
          'INVALID_INPUT',
          `${shownPath}, ${rowTerm} ${block.line(row)}: ${fault}`,
          'Correct the line, then try again.',
        );
      lines.add(rows++, block.line(row));
    }
    requireRoom(rows, columns.length, shownPath);
    for (const position of block.columns) {
      const builder = built[position]?.builder;
      for (let row = 0; row < block.rows; row++) builder?.push(block.at(row, position));
    }
  }
  return finishColumns(built, names, rows, wanted);
}

/** The line numbers of rows. Most rows follow the line before, so only the exceptions are stored. */
function lineNumbers() {
  const jumps: { row: number; line: number }[] = [];
  let last = Number.NaN;
  return {
    add(row: number, line: number): void {
      if (line !== last + 1) jumps.push({ row, line });
      last = line;
    },
    of(row: number): number {
      const jump = jumps.findLast((one) => one.row <= row);
      return jump === undefined ? row + 1 : jump.line + row - jump.row;
    },
  };
}
