import type { FileRef } from '../files/opened_file.ts';
import { cellValue } from './cells.ts';
import { csvBlocks } from './csv_blocks.ts';
import { csvColumns } from './csv_columns.ts';
import { type CsvLine, columnsOf, faultOf, parseLines } from './csv_lines.ts';
import { type CsvRecords, cellsOf } from './csv_records.ts';
import { toCsv, withResults } from './csv_writing.ts';
import {
  type ColumnMapping,
  emptyRecord,
  entityKeyOf,
  maxChunkCharacters,
  maxChunkRows,
  type Table,
  type TableChunk,
  type TableRow,
  type ValueBlock,
  type WantedColumn,
} from './table.ts';
import { textSource } from './text_source.ts';

/**
 * A CSV file with a header line: commas, quotes as in RFC 4180, UTF-8. Empty lines are skipped.
 * @param shownPath the path as the caller named it, for errors.
 * @throws INVALID_INPUT for a file without a header or with a column named twice.
 */
export async function openCsv(path: FileRef, shownPath: string, bytes: number): Promise<Table<CarriedRows>> {
  const first: string[][] = [];
  for await (const { cells } of readLines(path, shownPath).lines) {
    first.push(cells);
    if (first.length === 2) break;
  }
  const [written = [], below] = first;
  const columns = columnsOf(written, below, shownPath);

  return {
    columns,
    unreadable: [],
    bytes,
    chunks: (mapping) => readChunks(path, shownPath, columns, mapping),
    values: (wanted) => readValues(path, shownPath, columns, wanted),
    writer(file, results) {
      let held: Uint8Array[] = [Buffer.from(toCsv([[...written, ...results.map(({ name }) => name)]]))];
      let heldBytes = 0;
      const writeHeld = async () => {
        const bytes = Buffer.concat(held);
        held = [];
        heldBytes = 0;
        await file.appendFile(bytes);
      };
      const add = async (bytes: Buffer) => {
        held.push(bytes);
        heldBytes += bytes.length;
        if (heldBytes >= writtenAtOnce) await writeHeld();
      };
      return {
        write: ({ cells }, answers) =>
          add(Buffer.from(toCsv(cells().map((line, row) => [...line, ...(answers[row] ?? [])])))),
        writeColumns: async ({ records }, answers) =>
          records === undefined ? undefined : add(withResults(records, answers)),
        finish: writeHeld,
      };
    },
    close: async () => undefined,
  };
}

/** Bytes of the output that are written in one go, at least. */
const writtenAtOnce = 256 * 1024;

async function* readValues(
  path: FileRef,
  shownPath: string,
  columns: readonly string[],
  wanted: readonly WantedColumn[],
): AsyncGenerator<ValueBlock> {
  const places = wanted.map(({ name, datatype }) => ({ index: columns.indexOf(name), datatype }));
  const positions = wanted.map((_, position) => position);
  let block: CsvLine[] = [];
  const asValues = (lines: readonly CsvLine[]): ValueBlock => ({
    rows: lines.length,
    columns: positions,
    at: (row, column) => {
      const place = places[column];
      const cell = lines[row]?.cells[place?.index ?? -1];
      if (cell === undefined) return null;
      return place?.datatype === undefined ? cell : cellValue(place.datatype, cell);
    },
    line: (row) => lines[row]?.line ?? 0,
    fault: (row) => faultOf(lines[row]?.cells.length ?? 0, columns.length),
  });
  let isHeader = true;
  for await (const line of readLines(path, shownPath).lines) {
    if (!isHeader) block.push(line);
    isHeader = false;
    if (block.length < maxChunkRows) continue;
    yield asValues(block);
    block = [];
  }
  if (block.length > 0) yield asValues(block);
}

/** A chunk as it was written: its cells, and where they are in the bytes of the file. */
interface CarriedRows {
  cells(): string[][];
  records: CsvRecords | undefined;
}

/** Chunks of bytes, and from what is unusual on, chunks of the rows of a stream. */
async function* readChunks(
  path: FileRef,
  shownPath: string,
  columns: readonly string[],
  mapping: ColumnMapping,
): AsyncGenerator<TableChunk<CarriedRows>> {
  const rowOf = rowReader(columns, mapping);
  const blocks = csvBlocks(path, shownPath, columns.length);
  let delivered = 0;
  try {
    for (;;) {
      const next = await blocks.next();
      if (next.done) {
        if (next.value) return;
        break;
      }
      const { records, position } = next.value;
      delivered += records.rows;
      yield blockChunk(records, position, columns, mapping, rowOf);
    }
  } finally {
    await blocks.return(true);
  }
  yield* streamedChunks(path, shownPath, columns, rowOf, delivered);
}

function blockChunk(
  records: CsvRecords,
  position: number,
  columns: readonly string[],
  mapping: ColumnMapping,
  rowOf: (line: CsvLine) => TableRow,
): TableChunk<CarriedRows> {
  let rows: TableRow[] | undefined;
  const lines = () =>
    Array.from({ length: records.rows }, (_, row) => ({
      cells: cellsOf(records, row),
      line: records.line[row] ?? 0,
    }));
  return {
    // Made when they are asked for: few chunks need them.
    get rows() {
      rows ??= lines().map(rowOf);
      return rows;
    },
    columns: csvColumns(records, columns, mapping),
    carried: { cells: () => lines().map(({ cells }) => fitted(cells, columns.length)), records },
    position,
  };
}

/** @param skipped rows at the beginning of the file that were delivered before */
async function* streamedChunks(
  path: FileRef,
  shownPath: string,
  columns: readonly string[],
  rowOf: (line: CsvLine) => TableRow,
  skipped: number,
): AsyncGenerator<TableChunk<CarriedRows>> {
  const { lines, position } = readLines(path, shownPath);
  let rows: TableRow[] = [];
  let carried: string[][] = [];
  let characters = 0;
  // The header first.
  let toSkip = skipped + 1;
  const chunk = () => {
    const cells = carried;
    return { rows, carried: { cells: () => cells, records: undefined }, position: position() };
  };
  for await (const line of lines) {
    if (toSkip > 0) {
      toSkip--;
      continue;
    }
    rows.push(rowOf(line));
    carried.push(fitted(line.cells, columns.length));
    for (const cell of line.cells) characters += cell.length;
    if (rows.length < maxChunkRows && characters < maxChunkCharacters) continue;
    yield chunk();
    rows = [];
    carried = [];
    characters = 0;
  }
  if (rows.length > 0) yield chunk();
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
  const others = mapping.others?.map(indexOf) ?? [];
  return ({ cells, line }) => {
    const record = emptyRecord();
    for (const { name, datatype, index } of features) {
      const cell = cells[index];
      if (cell !== undefined) record[name] = cellValue(datatype, cell);
    }
    return {
      line,
      features: record,
      fault: faultOf(cells.length, columns.length),
      entityKey: entityKeyOf(cells[entity]),
      outcome: cells[outcome] ?? null,
      others: others.map((index) => cells[index] ?? null),
    };
  };
}

function readLines(
  path: FileRef,
  shownPath: string,
): { lines: AsyncGenerator<CsvLine>; position: () => number } {
  const source = textSource(path, shownPath);
  return { lines: parseLines(source.pieces(), shownPath), position: source.position };
}

/** As many cells as the header has: missing ones are empty, surplus ones dropped. Such a row is reported as failed. */
function fitted(cells: string[], count: number): string[] {
  return cells.length === count ? cells : Array.from({ length: count }, (_, index) => cells[index] ?? '');
}
