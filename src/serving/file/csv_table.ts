import { pipeline, Readable } from 'node:stream';
import { parse } from 'csv-parse';
import { ModelYardError, messageOf } from '../../errors.ts';
import { cellValue } from '../../registry/cells.ts';
import {
  type ColumnMapping,
  emptyRecord,
  entityKeyOf,
  maxChunkCharacters,
  maxChunkRows,
  maxRowCharacters,
  notReadable,
  type ResultCell,
  type Table,
  type TableChunk,
  type TableRow,
} from './table.ts';
import { textSource } from './text_source.ts';

interface CsvLine {
  cells: string[];
  /** Line of the file where it begins. */
  line: number;
}

/**
 * A CSV file with a header line: commas, quotes as in RFC 4180, UTF-8. Empty lines are skipped.
 * @param shownPath the path as the caller named it, for errors.
 * @throws INVALID_INPUT for a file without a header or with a column named twice.
 */
export async function openCsv(path: string, shownPath: string, bytes: number): Promise<Table<string[][]>> {
  let header: string[] | undefined;
  for await (const { cells } of readLines(path, shownPath).lines) {
    header = cells;
    break;
  }
  if (header === undefined)
    throw notReadable(shownPath, 'is empty.', 'Give a CSV file whose first line names the columns.');
  const written = header;
  const columns = written.map((name) => name.trim());
  const repeated = columns.find((name, index) => columns.indexOf(name) !== index);
  if (repeated !== undefined)
    throw notReadable(shownPath, `names the column "${repeated}" twice.`, 'Rename one of them.');

  return {
    columns,
    bytes,
    chunks: (mapping) => readChunks(path, shownPath, columns, mapping),
    writer(file, results) {
      let begun = false;
      const begin = async () => {
        begun = true;
        await file.appendFile(toCsv([[...written, ...results.map(({ name }) => name)]]));
      };
      return {
        async write(carried, answers) {
          if (!begun) await begin();
          await file.appendFile(toCsv(carried.map((cells, row) => [...cells, ...(answers[row] ?? [])])));
        },
        async finish() {
          if (!begun) await begin();
        },
      };
    },
    close: async () => undefined,
  };
}

async function* readChunks(
  path: string,
  shownPath: string,
  columns: readonly string[],
  mapping: ColumnMapping,
): AsyncGenerator<TableChunk<string[][]>> {
  const rowOf = rowReader(columns, mapping);
  const { lines, position } = readLines(path, shownPath);
  let rows: TableRow[] = [];
  let carried: string[][] = [];
  let characters = 0;
  let isHeader = true;
  for await (const line of lines) {
    if (isHeader) {
      isHeader = false;
      continue;
    }
    rows.push(rowOf(line));
    carried.push(fitted(line.cells, columns.length));
    for (const cell of line.cells) characters += cell.length;
    if (rows.length < maxChunkRows && characters < maxChunkCharacters) continue;
    yield { rows, carried, position: position() };
    rows = [];
    carried = [];
    characters = 0;
  }
  if (rows.length > 0) yield { rows, carried, position: position() };
}

function rowReader(columns: readonly string[], mapping: ColumnMapping): (line: CsvLine) => TableRow {
  const features = mapping.features.map(({ name, datatype }) => ({
    name,
    datatype,
    index: columns.indexOf(name),
  }));
  const indexOf = (name: string | undefined) => (name === undefined ? -1 : columns.indexOf(name));
  const entity = indexOf(mapping.entityColumn);
  const outcome = indexOf(mapping.outcomeColumn);
  return ({ cells, line }) => {
    const record = emptyRecord();
    for (const { name, datatype, index } of features) {
      const cell = cells[index];
      if (cell !== undefined) record[name] = cellValue(datatype, cell);
    }
    return {
      line,
      features: record,
      fault:
        cells.length === columns.length
          ? undefined
          : `The line has ${cells.length} cells, but the header ${columns.length}.`,
      entityKey: entityKeyOf(cells[entity]),
      outcome: cells[outcome] ?? null,
    };
  };
}

function readLines(
  path: string,
  shownPath: string,
): { lines: AsyncGenerator<CsvLine>; position: () => number } {
  const source = textSource(path, shownPath);
  return { lines: parseLines(source.pieces(), shownPath), position: source.position };
}

async function* parseLines(pieces: AsyncGenerator<string>, shownPath: string): AsyncGenerator<CsvLine> {
  const parser = parse({ relax_column_count: true, max_record_size: maxRowCharacters });
  // Hands on a file's error, and closes the file when the reader below stops early.
  pipeline(Readable.from(pieces, { objectMode: false }), parser, () => undefined);
  try {
    let line = 1;
    let isNarrow = true;
    for await (const found of parser) {
      const cells: string[] = found;
      // In a file of one column an empty line is a row without a value.
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

/** As many cells as the header has: a row with another number has failed, and its cells keep their columns. */
function fitted(cells: string[], count: number): string[] {
  return cells.length === count ? cells : Array.from({ length: count }, (_, index) => cells[index] ?? '');
}

/** Quoted cells may have line breaks of their own. */
function lineBreaksIn(cells: readonly string[]): number {
  let breaks = 0;
  for (const cell of cells)
    for (let at = cell.indexOf('\n'); at >= 0; at = cell.indexOf('\n', at + 1)) breaks++;
  return breaks;
}

/** Lines of RFC 4180, ended as most programs do. */
function toCsv(lines: readonly (readonly ResultCell[])[]): string {
  let text = '';
  for (const line of lines) text += `${line.map(quoted).join(',')}\n`;
  return text;
}

function quoted(cell: ResultCell): string {
  if (cell === undefined || cell === null) return '';
  const text = String(cell);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
