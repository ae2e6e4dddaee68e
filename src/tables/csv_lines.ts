import { pipeline, Readable } from 'node:stream';
import { parse } from 'csv-parse';
import { ModelYardError, messageOf } from '../errors.ts';
import { maxRowCharacters, notReadable } from './table.ts';

export interface CsvLine {
  cells: string[];
  /** Line of the file on which it begins. */
  line: number;
}

/**
 * The names of the columns, as the first line has them.
 * @param below the second line
 * @throws INVALID_INPUT where there is no header, it names a column twice, or its cells are not divided by commas
 */
export function columnsOf(
  written: readonly string[],
  below: readonly string[] | undefined,
  shownPath: string,
): string[] {
  if (written.length === 0)
    throw notReadable(shownPath, 'is empty.', 'Give a CSV file whose first line names the columns.');
  requireCommas(written, below, shownPath);
  const columns = written.map((name) => name.trim());
  const repeated = columns.find((name, index) => columns.indexOf(name) !== index);
  if (repeated !== undefined)
    throw notReadable(shownPath, `names the column "${repeated}" twice.`, 'Rename one of them.');
  return columns;
}

const otherDelimiters = [
  [';', 'semicolons'],
  ['\t', 'tabs'],
  ['|', 'vertical bars'],
] as const;

/**
 * @throws INVALID_INPUT for a header of one column that another delimiter divides, in the same way as the line below
 */
function requireCommas(
  header: readonly string[],
  below: readonly string[] | undefined,
  shownPath: string,
): void {
  const [only = ''] = header;
  if (header.length > 1) return;
  const timesIn = (text: string, delimiter: string) => text.split(delimiter).length - 1;
  const found = otherDelimiters.find(([delimiter]) => {
    const times = timesIn(only, delimiter);
    return times > 0 && (below === undefined || timesIn(below.join(','), delimiter) === times);
  });
  if (found !== undefined)
    throw notReadable(
      shownPath,
      `seems to have its cells divided by ${found[1]}, and not by commas.`,
      'Convert it to a comma-separated file, with a point in decimal numbers.',
    );
}

/** Why a line cannot be read; undefined where it can. */
export function faultOf(cells: number, columns: number): string | undefined {
  return cells === columns ? undefined : `The line has ${cells} cells, but the header ${columns}.`;
}

/** The lines of a CSV text; empty ones are left out. @throws INVALID_INPUT for what is no CSV */
export async function* parseLines(
  pieces: AsyncGenerator<string>,
  shownPath: string,
): AsyncGenerator<CsvLine> {
  const parser = parse({ relax_column_count: true, max_record_size: maxRowCharacters });
  // Passes on a file's error, and closes the file when the reader below stops early.
  pipeline(Readable.from(pieces, { objectMode: false }), parser, () => undefined);
  try {
    let line = 1;
    let isNarrow = true;
    for await (const found of parser) {
      const cells: string[] = found;
      // In a file of one column an empty line is a row with an empty cell.
      if (line === 1) isNarrow = cells.length === 1;
      if (isNarrow || cells.length > 1 || cells[0] !== '') yield { cells, line };
      line += 1 + lineBreaksIn(cells);
    }
  } catch (error) {
    if (error instanceof ModelYardError) throw error;
    throw notReadable(
      shownPath,
      `cannot be read as CSV: ${messageOf(error).slice(0, 200)}.`,
      'Give a UTF-8 CSV file whose first line names the columns.',
    );
  } finally {
    parser.destroy();
  }
}

/** Line breaks inside quoted cells. */
function lineBreaksIn(cells: readonly string[]): number {
  let breaks = 0;
  for (const cell of cells)
    for (let at = cell.indexOf('\n'); at >= 0; at = cell.indexOf('\n', at + 1)) breaks++;
  return breaks;
}
