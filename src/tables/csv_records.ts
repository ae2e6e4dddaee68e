/** Finds the records of CSV in bytes, without making a string of any cell. */

const [lineFeed, carriageReturn, quote, comma] = [10, 13, 34, 44];

/** How a cell is written: as it is, in quotes, or in quotes with doubled quotes inside. */
const plain = 0;
const inQuotes = 1;
const withDoubledQuotes = 2;

/** Records that lie one after another in `bytes`. */
export interface CsvRecords {
  bytes: Buffer;
  rows: number;
  /** Of each row, and one more: its first cell. */
  firstCell: Int32Array;
  /** Of each cell: where it is, without its quotes, and how it is written. */
  cellStart: Int32Array;
  cellEnd: Int32Array;
  written: Uint8Array;
  /** Of each row: where it is, without its line end; the line of the file on which it begins. */
  rowStart: Int32Array;
  rowEnd: Int32Array;
  line: Int32Array;
  /** Of each row: whether a cell of it has quotes that it does not need. */
  needless: Uint8Array;
  /** Where the next record begins, and on which line. */
  next: number;
  nextLine: number;
  /**
   * full: as many rows as were asked for; end: the bytes are over; more: a record is cut off; unusual: what comes next
   * is left to a reader that knows every form of CSV.
   */
  status: 'full' | 'end' | 'more' | 'unusual';
}

export interface CsvForm {
  /** Cells of a whole record. */
  width: number;
  /** Whether lines end with carriage return and line feed, as the header's does. */
  isCrLf: boolean;
}

/**
 * At most `maxRows` records from `start` on. Where a file has one column an empty line is a record, elsewhere it is
 * skipped.
 * @param isLast whether the file ends with these bytes
 * @param line the line of the file on which the first begins
 */
export function readRecords(
  bytes: Buffer,
  start: number,
  isLast: boolean,
  line: number,
  maxRows: number,
  { width, isCrLf }: CsvForm,
): CsvRecords {
  const end = bytes.length;
  let room = maxRows * width + 1;
  const records: CsvRecords = {
    bytes,
    rows: 0,
    firstCell: new Int32Array(maxRows + 1),
    cellStart: new Int32Array(room),
    cellEnd: new Int32Array(room),
    written: new Uint8Array(room),
    rowStart: new Int32Array(maxRows),
    rowEnd: new Int32Array(maxRows),
    line: new Int32Array(maxRows),
    needless: new Uint8Array(maxRows),
    next: start,
    nextLine: line,
    status: 'full',
  };
  let { cellStart, cellEnd, written } = records;
  const makeRoom = () => {
    room *= 2;
    cellStart = grown(new Int32Array(room), cellStart);
    cellEnd = grown(new Int32Array(room), cellEnd);
    written = grown(new Uint8Array(room), written);
    Object.assign(records, { cellStart, cellEnd, written });
  };
  const stop = (status: CsvRecords['status']) => {
    records.status = status;
    return records;
  };
  const cutOff = (otherwise: CsvRecords['status']) => stop(isLast ? otherwise : 'more');

  let cells = 0;
  let at = start;
  while (records.rows < maxRows) {
    if (at >= end) return cutOff('end');
    const rowStart = at;
    const first = cells;
    let [breaks, needless, rowEnd] = [0, 0, -1];
    while (rowEnd < 0) {
      if (cells === room) makeRoom();
      let form = plain;
      let from = at;
      let to: number;
      if (bytes[at] === quote) {
        form = inQuotes;
        from = ++at;
        let isNeeded = false;
        for (; ; at++) {
          if (at >= end) return cutOff('unusual');
          const byte = bytes[at];
          if (byte === quote) {
            if (at + 1 >= end && !isLast) return stop('more');
            if (bytes[at + 1] !== quote) break;
            form = withDoubledQuotes;
            isNeeded = true;
            at++;
          } else if (byte === lineFeed) {
            breaks++;
            isNeeded = true;
          } else if (byte === comma || byte === carriageReturn) isNeeded = true;
        }
        to = at++;
        if (!isNeeded) needless = 1;
      } else {
        for (; at < end; at++) {
          const byte = bytes[at] ?? 0;
          // All that ends a cell is among the first characters.
          if (
            byte <= comma &&
            (byte === comma || byte === lineFeed || byte === carriageReturn || byte === quote)
          )
            break;
        }
        to = at;
      }
      cellStart[cells] = from;
      cellEnd[cells] = to;
      written[cells++] = form;
      if (at >= end) {
        if (!isLast) return stop('more');
        rowEnd = at;
        break;
      }
      const byte = bytes[at];
      if (byte === comma) at++;
      else if (byte === lineFeed && !isCrLf) rowEnd = at++;
      else if (byte === carriageReturn && isCrLf) {
        if (at + 1 >= end) return cutOff('unusual');
        if (bytes[at + 1] !== lineFeed) return stop('unusual');
        rowEnd = at;
        at += 2;
      } else return stop('unusual');
    }
    const row = records.rows;
    if (width > 1 && cells === first + 1 && cellStart[first] === cellEnd[first]) cells = first;
    else {
      records.firstCell[row] = first;
      records.firstCell[row + 1] = cells;
      records.rowStart[row] = rowStart;
      records.rowEnd[row] = rowEnd;
      records.line[row] = records.nextLine;
      records.needless[row] = needless;
      records.rows++;
    }
    records.next = at;
    records.nextLine += 1 + breaks;
  }
  return records;
}

function grown<Elements extends Int32Array | Uint8Array>(larger: Elements, elements: Elements): Elements {
  larger.set(elements);
  return larger;
}

/** The text of a cell, as position among all cells of the records. */
export function cellText({ bytes, cellStart, cellEnd, written }: CsvRecords, cell: number): string {
  const text = bytes.toString('utf8', cellStart[cell], cellEnd[cell]);
  return written[cell] === withDoubledQuotes ? text.replaceAll('""', '"') : text;
}

/** The cells of a row, as text. */
export function cellsOf(records: CsvRecords, row: number): string[] {
  const [first = 0, end = 0] = records.firstCell.subarray(row, row + 2);
  return Array.from({ length: end - first }, (_, index) => cellText(records, first + index));
}
