import { type CsvRecords, cellsOf } from './csv_records.ts';
import type { ResultCell, ResultValues } from './table.ts';

/** Lines as in RFC 4180, ended by a single line feed as most programs do. */
export function toCsv(lines: readonly (readonly ResultCell[])[]): string {
  let text = '';
  for (const line of lines) text += `${line.map(quoted).join(',')}\n`;
  return text;
}

function quoted(cell: ResultCell): string {
  if (cell === undefined || cell === null) return '';
  const text = String(cell);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

const [lineFeed, comma] = [10, 44];

/**
 * The records with their results, as `toCsv` writes the same cells: rows are copied byte by byte where they are written
 * so already.
 */
export function withResults(records: CsvRecords, results: readonly ResultValues[]): Buffer {
  const { bytes, rows, rowStart, rowEnd, needless } = records;
  // One character a byte, so that positions in the text are positions in the bytes.
  const columns = results.map((given) =>
    'numbers' in given
      ? { numbers: given.numbers }
      : { texts: given.values.map(asBytes), positions: given.positions },
  );
  const ends = new Int32Array(rows);
  let added = '';
  for (let row = 0; row < rows; row++) {
    for (const column of columns) {
      if (column.numbers === undefined) added += `,${column.texts[column.positions[row] ?? 0] ?? ''}`;
      else {
        const number = column.numbers[row] ?? Number.NaN;
        added += Number.isNaN(number) ? ',' : `,${number}`;
      }
    }
    ends[row] = added.length;
  }
  const tails = Buffer.from(added, 'latin1');
  // Rewritten, a row has no more bytes: it loses quotes.
  const given = rows === 0 ? 0 : (rowEnd[rows - 1] ?? 0) - (rowStart[0] ?? 0);
  const written = Buffer.allocUnsafeSlow(given + tails.length + rows);
  let [to, from] = [0, 0];
  for (let row = 0; row < rows; row++) {
    if (needless[row] === 1) to += written.write(cellsOf(records, row).map(quoted).join(','), to);
    else to += bytes.copy(written, to, rowStart[row], rowEnd[row]);
    const end = ends[row] ?? 0;
    // Short, so that a loop is faster than a call.
    while (from < end) written[to++] = tails[from++] ?? comma;
    written[to++] = lineFeed;
  }
  return written.subarray(0, to);
}

/** Needs no quotes, and each character is a byte. */
const isSimple = /^[\w\-.:/ ]*$/;

/** A cell as it is written, one character a byte. */
function asBytes(cell: ResultCell): string {
  if (typeof cell === 'string' && isSimple.test(cell)) return cell;
  return Buffer.from(quoted(cell)).toString('latin1');
}
