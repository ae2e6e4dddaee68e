import { columnOf } from '../prediction_log/column.ts';
import { seededRandom } from '../statistics/random.ts';
import { randomRows } from '../statistics/random_rows.ts';
import { type TableFile, withTable } from '../tables/open_table.ts';
import type { ColumnMapping, Table, TableRow } from '../tables/table.ts';
import type { ReplayBatch } from './paired_rows.ts';

/** Rows that are answered together. */
const batchRows = 8_192;

export interface FileRows {
  file: TableFile;
  features: readonly { name: string; datatype: string }[];
  outcomeColumn: string | undefined;
  entityColumn: string | undefined;
  /** Reads a cell of the outcome column; null where it has no usable value. */
  readOutcome: (given: unknown) => unknown;
}

/** The rows of a file that are drawn: all, or their numbers from 0, ascending. */
export interface DrawnFileRows {
  available: number;
  drawn: Uint32Array | undefined;
}

/** Counts the rows of a file, and draws some uniformly where there are more than `most`. */
export async function drawFileRows(file: TableFile, most: number, seed: number): Promise<DrawnFileRows> {
  const available = await withTable(file, countRows);
  if (available <= most) return { available, drawn: undefined };
  return { available, drawn: randomRows(seededRandom(seed), available, most) };
}

async function countRows<Carried>(table: Table<Carried>): Promise<number> {
  const mapping = { features: [], entityColumn: undefined, outcomeColumn: undefined };
  let rows = 0;
  for await (const chunk of table.chunks(mapping)) rows += chunk.rows.length;
  return rows;
}

/** The features that the file has columns for; of the others no row has one. */
function mappingOf(
  { features, outcomeColumn, entityColumn }: Omit<FileRows, 'file' | 'readOutcome'>,
  columns: readonly string[],
): ColumnMapping {
  return { features: features.filter(({ name }) => columns.includes(name)), outcomeColumn, entityColumn };
}

/**
 * Gives the drawn rows of a file to `use` as batches.
 * @param check sees the file's columns before any row is read
 */
export function withFileBatches<Result>(
  { file, readOutcome, ...wanted }: FileRows,
  { drawn }: DrawnFileRows,
  check: (columns: readonly string[]) => void,
  use: (batches: AsyncGenerator<ReplayBatch>) => Promise<Result>,
): Promise<Result> {
  return withTable(file, (table) => {
    check(table.columns);
    return use(batchesOf(table, mappingOf(wanted, table.columns), drawn, readOutcome));
  });
}

async function* batchesOf<Carried>(
  table: Table<Carried>,
  mapping: ColumnMapping,
  drawn: Uint32Array | undefined,
  readOutcome: FileRows['readOutcome'],
): AsyncGenerator<ReplayBatch> {
  const unitOf = unitNumbers();
  let kept: TableRow[] = [];
  let [seen, next] = [0, 0];
  for await (const { rows, position } of table.chunks(mapping)) {
    for (const row of rows) {
      const isDrawn = drawn === undefined || drawn[next] === seen;
      seen++;
      if (!isDrawn) continue;
      next++;
      kept.push(row);
    }
    if (kept.length < batchRows) continue;
    yield batchOf(kept, mapping, unitOf, readOutcome, position / Math.max(1, table.bytes));
    kept = [];
  }
  if (kept.length > 0) yield batchOf(kept, mapping, unitOf, readOutcome, 1);
}

function batchOf(
  rows: readonly TableRow[],
  { features, outcomeColumn }: ColumnMapping,
  unitOf: (entity: string | null) => number,
  readOutcome: FileRows['readOutcome'],
  done: number,
): ReplayBatch {
  const isSound = (row: number) => rows[row]?.fault === undefined;
  return {
    rows: rows.length,
    columns: new Map(features.map(({ name }) => [name, columnOf(rows.map((row) => row.features[name]))])),
    has: (name) => (row) => isSound(row) && rows[row]?.features[name] !== undefined,
    units: Int32Array.from(rows, ({ entityKey }) => unitOf(entityKey)),
    outcomes:
      outcomeColumn === undefined ? undefined : columnOf(rows.map(({ outcome }) => readOutcome(outcome))),
    logged: undefined,
    nameOf: (row) => `line ${rows[row]?.line ?? 0}`,
    done,
  };
}

/** A row without an entity is a unit of its own. */
function unitNumbers(): (entity: string | null) => number {
  const known = new Map<string, number>();
  let count = 0;
  return (entity) => {
    const number = entity === null ? undefined : known.get(entity);
    if (number !== undefined) return number;
    if (entity !== null) known.set(entity, count);
    return count++;
  };
}
