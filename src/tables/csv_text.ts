import { cellValue } from './cells.ts';
import { columnsOf, faultOf, parseLines } from './csv_lines.ts';
import { emptyRecord, notReadable } from './table.ts';

/** Rows of text, each with a cell for every column. */
export interface CsvText {
  columns: string[];
  rows: string[][];
}

/**
 * A CSV text with a header line, read by the rules for files.
 * @param shown what the text is, for errors
 * @throws INVALID_INPUT
 */
export async function readCsvText(text: string, shown: string): Promise<CsvText> {
  const pieces = async function* () {
    yield text.replace(/^\u{feff}/u, '');
  };
  const rows: string[][] = [];
  let header: string[] = [];
  let lines = 0;
  for await (const { cells, line } of parseLines(pieces(), shown)) {
    if (lines++ === 0) {
      header = cells;
      continue;
    }
    const fault = faultOf(cells.length, header.length);
    if (fault !== undefined)
      throw notReadable(shown, `cannot be read (line ${line}): ${fault}`, 'Give every line as many cells.');
    rows.push(cells);
  }
  return { columns: columnsOf(header, rows[0], shown), rows };
}

/** The rows as records: values as predict takes them for columns whose datatype is known, else text. */
export function csvRecords(
  { columns, rows }: CsvText,
  datatypes: ReadonlyMap<string, string>,
): Record<string, unknown>[] {
  const places = columns.map((name) => ({ name, datatype: datatypes.get(name) }));
  return rows.map((cells) => {
    const record = emptyRecord();
    places.forEach(({ name, datatype }, index) => {
      const cell = cells[index] ?? '';
      record[name] = datatype === undefined ? cell : cellValue(datatype, cell);
    });
    return record;
  });
}
