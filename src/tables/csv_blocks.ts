import { isUtf8 } from 'node:buffer';
import { type FileRef, placedReader } from '../files/opened_file.ts';
import { type CsvForm, type CsvRecords, cellsOf, readRecords } from './csv_records.ts';
import { maxChunkCharacters, maxChunkRows } from './table.ts';
import { fromSystem } from './text_source.ts';

/** Read at once, at least. */
const pieceBytes = 256 * 1024;
/** Longer records, and blocks, are left to the reader of streams, which knows their bounds. */
const maxRecordBytes = 1_000_000;
const maxBlockBytes = 16_000_000;

/** The rows of a chunk in the bytes of the file. */
export interface CsvBlock {
  records: CsvRecords;
  /** Bytes of the file up to its end. */
  position: number;
}

/**
 * The records below the header, in blocks that end where chunks do. Ends early, saying so, before what is unusual:
 * quotes within a cell, line ends unlike the header's, bytes that are no UTF-8, records without end.
 * @param width cells of the header
 * @returns whether the file is read to its end
 * @throws INVALID_INPUT when the file cannot be read
 */
export async function* csvBlocks(
  file: FileRef,
  shownPath: string,
  width: number,
): AsyncGenerator<CsvBlock, boolean> {
  const source = await byteSource(file).catch((error: unknown) => {
    throw fromSystem(error, shownPath);
  });
  const read = () =>
    source.read().catch((error: unknown) => {
      throw fromSystem(error, shownPath);
    });
  try {
    await read();
    let line = 1;
    const form = headerForm(width, source.bytes(), source.isEnd());
    if (form === undefined) return false;
    for (let isHeader = true; ; ) {
      const maxRows = isHeader ? 1 : maxChunkRows;
      const records = readRecords(source.bytes(), source.start(), source.isEnd(), line, maxRows, form);
      if (records.status === 'more') {
        if (source.bytes().length - source.start() > maxBlockBytes) return false;
        await read();
        continue;
      }
      if (isHeader) {
        if (records.rows === 0 || cellsOf(records, 0).length !== width) return false;
        isHeader = false;
      } else {
        endWithCharacters(records);
        if (!isSound(records, source.start())) return false;
        const position = source.position() - (records.bytes.length - records.next);
        if (records.rows > 0) yield { records, position };
      }
      if (records.status === 'unusual') return false;
      if (records.status === 'end') return true;
      source.moveTo(records.next);
      line = records.nextLine;
    }
  } finally {
    await source.close();
  }
}

/** The bytes of a file from a place on that moves forward. */
async function byteSource(file: FileRef) {
  const reader = await placedReader(file);
  let bytes: Buffer = Buffer.alloc(0);
  let [start, position, isEnd] = [0, 0, false];
  return {
    bytes: () => bytes,
    start: () => start,
    position: () => position,
    isEnd: () => isEnd,
    moveTo(place: number) {
      start = place;
    },
    /** Reads on; what lies before the start is forgotten. As much again as there is, so that long records take few reads. */
    async read() {
      const kept = bytes.length - start;
      const next = Buffer.allocUnsafeSlow(kept + Math.max(pieceBytes, kept));
      bytes.copy(next, 0, start);
      let filled = kept;
      while (filled < next.length) {
        const { bytesRead } = await reader.read(next, filled, next.length - filled, position);
        if (bytesRead === 0) {
          isEnd = true;
          break;
        }
        filled += bytesRead;
        position += bytesRead;
      }
      // A byte order mark is left out.
      const isFirst = position === filled && start === 0;
      start = isFirst && next[0] === 0xef && next[1] === 0xbb && next[2] === 0xbf ? 3 : 0;
      bytes = next.subarray(0, filled);
    },
    close: () => reader.close(),
  };
}

/** How the lines end, by the header's; undefined for one that is unusual. */
function headerForm(width: number, bytes: Buffer, isEnd: boolean): CsvForm | undefined {
  const start = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0;
  return [false, true]
    .map((isCrLf) => ({ width, isCrLf }))
    .find((form) => readRecords(bytes, start, isEnd, 1, 1, form).rows === 1);
}

/** A chunk also ends with the row by which it holds that many characters. */
function endWithCharacters(records: CsvRecords): void {
  const { rows, rowStart, rowEnd, line } = records;
  if ((rowEnd[rows - 1] ?? 0) - (rowStart[0] ?? 0) < maxChunkCharacters) return;
  let characters = 0;
  for (let row = 0; row < rows - 1; row++) {
    for (const cell of cellsOf(records, row)) characters += cell.length;
    if (characters < maxChunkCharacters) continue;
    records.rows = row + 1;
    records.next = rowStart[row + 1] ?? 0;
    records.nextLine = line[row + 1] ?? 0;
    records.status = 'full';
    return;
  }
}

function isSound({ bytes, next, rows, rowStart, rowEnd }: CsvRecords, start: number): boolean {
  for (let row = 0; row < rows; row++)
    if ((rowEnd[row] ?? 0) - (rowStart[row] ?? 0) > maxRecordBytes) return false;
  return isUtf8(bytes.subarray(start, next));
}
