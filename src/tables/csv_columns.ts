import { plainNumber } from './cell_bytes.ts';
import { cellValue } from './cells.ts';
import { type CsvRecords, cellText } from './csv_records.ts';
import { type ColumnMapping, entityKeyOf, type RowColumns } from './table.ts';

/** The rows of records by columns; undefined where a row has not as many cells as the header. */
export function csvColumns(
  records: CsvRecords,
  columns: readonly string[],
  mapping: ColumnMapping,
): RowColumns | undefined {
  const { rows, firstCell, line } = records;
  const width = columns.length;
  for (let row = 0; row <= rows; row++) if (firstCell[row] !== row * width) return undefined;
  const texts = (place: number) =>
    Array.from({ length: rows }, (_, row) => cellText(records, row * width + place));
  const textsOf = (name: string | undefined) =>
    name === undefined ? undefined : texts(columns.indexOf(name));
  return {
    rows,
    line: (row) => line[row] ?? 0,
    values(feature) {
      const { name = '', datatype = '' } = mapping.features[feature] ?? {};
      const place = columns.indexOf(name);
      return datatype === 'BYTES' ? texts(place) : numbersOf(records, place, width, datatype);
    },
    entityKeys: () => textsOf(mapping.entityColumn)?.map(entityKeyOf),
    outcomes: () => textsOf(mapping.outcomeColumn),
  };
}

function numbersOf(
  records: CsvRecords,
  place: number,
  width: number,
  datatype: string,
): Float64Array | undefined {
  const { bytes, rows, cellStart, cellEnd } = records;
  const values = new Float64Array(rows);
  const isBoolean = datatype === 'BOOL';
  for (let row = 0, cell = place; row < rows; row++, cell += width) {
    let value = isBoolean ? Number.NaN : plainNumber(bytes, cellStart[cell] ?? 0, cellEnd[cell] ?? 0);
    if (Number.isNaN(value)) {
      const read = cellValue(datatype, cellText(records, cell));
      if (read !== null && typeof read !== 'boolean' && !Number.isFinite(read)) return undefined;
      value = read === null ? Number.NaN : Number(read);
    }
    values[row] = value;
  }
  return values;
}
