import type { AsyncBuffer, FileMetaData } from 'hyparquet';
import type { ParquetColumn } from './parquet_columns.ts';
import {
  type ColumnMapping,
  emptyRecord,
  entityKeyOf,
  maxChunkRows,
  type RowColumns,
  type TableChunk,
  type TableRow,
} from './table.ts';

/** Chunks end where they always did, so that the same rows are answered together: at multiples of so many rows or bytes. */
const maxStepRows = 10_000;
const stepBytes = 4_000_000;
/** Cells that are read at once where only a few columns are. */
const rangeCells = 2_000_000;

/** Rows `from` to `to` of a column's stored values. */
export interface ColumnSlice {
  values: ArrayLike<unknown>;
  from: number;
  to: number;
}

/** A chunk's rows; where the input's columns are not copied, their values. */
export interface CarriedRows {
  rows: number;
  slices: ColumnSlice[];
}

/** Reads rows `from` to `to` of the file of some columns, one array each, in their order. */
export type ReadRange = (
  columns: readonly ParquetColumn[],
  from: number,
  to: number,
) => Promise<ArrayLike<unknown>[]>;

/** @param isCopied whether the input's columns are copied by the writer, so that only those of the mapping are read */
export async function* parquetChunks(
  file: AsyncBuffer,
  metadata: FileMetaData,
  columns: readonly ParquetColumn[],
  mapping: ColumnMapping,
  isCopied: boolean,
  read: ReadRange,
): AsyncGenerator<TableChunk<CarriedRows>> {
  const names = new Set<string | undefined>([
    ...mapping.features.map(({ name }) => name),
    mapping.entityColumn,
    mapping.outcomeColumn,
    ...(mapping.others ?? []),
  ]);
  const wanted = isCopied ? columns.filter(({ name }) => names.has(name)) : columns;
  const total = Number(metadata.num_rows);
  let groupStart = 0;
  for (const group of metadata.row_groups) {
    const groupRows = Number(group.num_rows);
    const step = stepRows(groupRows, Number(group.total_byte_size));
    const steps = isCopied ? Math.max(1, Math.floor(rangeCells / wanted.length / step)) : 1;
    for (let start = 0; start < groupRows; start += step * steps) {
      const end = Math.min(start + step * steps, groupRows);
      const range = await read(wanted, groupStart + start, groupStart + end);
      for (let from = 0; from < end - start; ) {
        const stepEnd = (Math.floor(from / step) + 1) * step;
        const to = Math.min(from + maxChunkRows, stepEnd, end - start);
        const done = groupStart + start + to;
        const line = groupStart + start + from + 1;
        const slices = isCopied ? [] : range.map((values) => ({ values, from, to }));
        const position = Math.floor((file.byteLength * done) / Math.max(1, total));
        yield chunkOf(wanted, range, mapping, slices, { from, to, line, position });
        from = to;
      }
    }
    groupStart += groupRows;
  }
}

function stepRows(groupRows: number, groupBytes: number): number {
  const rowBytes = Math.max(1, groupBytes / Math.max(1, groupRows));
  return Math.min(maxStepRows, Math.max(maxChunkRows, Math.floor(stepBytes / rowBytes)));
}

/** @param place where its rows are in the range, the line of the first row, how much of the file is read with it */
function chunkOf(
  columns: readonly ParquetColumn[],
  range: readonly ArrayLike<unknown>[],
  mapping: ColumnMapping,
  slices: ColumnSlice[],
  { from, to, line, position }: { from: number; to: number; line: number; position: number },
): TableChunk<CarriedRows> {
  const rows = to - from;
  const readerOf = (name: string | undefined) => {
    const at = columns.findIndex((column) => column.name === name);
    const [read, values] = [columns[at]?.read, range[at]];
    return (row: number) => read?.(values?.[from + row] ?? null) ?? null;
  };
  const all = (name: string | undefined) => {
    const read = readerOf(name);
    return name === undefined ? undefined : Array.from({ length: rows }, (_, row) => read(row));
  };
  let made: TableRow[] | undefined;
  const byColumns: RowColumns = {
    rows,
    line: (row) => line + row,
    values(feature) {
      const { name, datatype } = mapping.features[feature] ?? {};
      return featureValues(readerOf(name), rows, datatype ?? '');
    },
    entityKeys: () => all(mapping.entityColumn)?.map(entityKeyOf),
    outcomes: () => all(mapping.outcomeColumn),
  };
  const makeRows = () => {
    const features = mapping.features.map(({ name }) => ({ name, read: readerOf(name) }));
    const [entity, outcome] = [readerOf(mapping.entityColumn), readerOf(mapping.outcomeColumn)];
    const others = mapping.others?.map(readerOf) ?? [];
    return Array.from({ length: rows }, (_, row): TableRow => {
      const record = emptyRecord();
      for (const { name, read } of features) record[name] = read(row);
      return {
        line: line + row,
        features: record,
        fault: undefined,
        entityKey: entityKeyOf(entity(row)),
        outcome: outcome(row),
        others: others.map((read) => read(row)),
      };
    });
  };
  return {
    // Made when they are asked for: few chunks need them.
    get rows() {
      made ??= makeRows();
      return made;
    },
    columns: byColumns,
    carried: { rows, slices },
    position,
  };
}

/** See RowColumns; a value must be of the kind that the datatype takes. */
function featureValues(
  read: (row: number) => unknown,
  rows: number,
  datatype: string,
): Float64Array | string[] | undefined {
  if (datatype === 'BYTES') {
    const texts: string[] = [];
    for (let row = 0; row < rows; row++) {
      const value = read(row);
      if (typeof value !== 'string') return undefined;
      texts.push(value);
    }
    return texts;
  }
  const kind = datatype === 'BOOL' ? 'boolean' : 'number';
  const values = new Float64Array(rows);
  for (let row = 0; row < rows; row++) {
    const value = read(row);
    if (value === null) values[row] = Number.NaN;
    else if (typeof value === kind && Number.isFinite(Number(value))) values[row] = Number(value);
    else return undefined;
  }
  return values;
}
