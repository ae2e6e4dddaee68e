import { types } from 'node:util';
import { CompiledQuery, type Kysely, sql } from 'kysely';
import { z } from 'zod';
import type { StoreKind } from './database.ts';
import type { Tables } from './schema.ts';
import type { TableDescription } from './table_catalogue.ts';

/** A value of a table's cell, the same on both databases. */
export type Cell = string | number | bigint | Buffer | null;

/** About how much of a table is in memory at a time; one row at least. */
const pageBytes = 4 * 1024 * 1024;
const mostRows = 10_000;

/**
 * All rows of a table in pages of bounded size, as a snapshot's connection sees them; a row is its cells in the
 * order of the description's columns.
 */
export async function* tablePages(
  snapshot: Kysely<Tables>,
  kind: StoreKind,
  table: TableDescription,
): AsyncGenerator<Cell[][]> {
  const next = kind === 'sqlite' ? pagesByRowId(snapshot, table) : await pagesByCursor(snapshot, table);
  for (let limit = 16; ; ) {
    const rows = await next(limit);
    if (rows.length === 0) break;
    yield rows;
    const perRow = rows.reduce((sum, row) => sum + row.reduce<number>(addSize, 0), 0) / rows.length;
    limit = Math.max(1, Math.min(mostRows, limit * 4, Math.floor(pageBytes / Math.max(1, perRow))));
  }
}

function addSize(sum: number, cell: Cell): number {
  return sum + (typeof cell === 'string' || Buffer.isBuffer(cell) ? cell.length : 8);
}

type NextPage = (limit: number) => Promise<Cell[][]>;

const rowIdName = 'modelyard_row_id';

function pagesByRowId(snapshot: Kysely<Tables>, table: TableDescription): NextPage {
  let last = Number.MIN_SAFE_INTEGER;
  return async (limit) => {
    const { rows } = await sql<Record<string, unknown>>`
      select rowid as ${sql.ref(rowIdName)}, ${columnsOf(table)} from ${sql.table(table.name)}
      where rowid > ${last} order by rowid limit ${limit}`.execute(snapshot);
    last = z.number().parse(rows.at(-1)?.[rowIdName] ?? last);
    return rows.map((row) => table.columns.map((column) => cellOf(row[column])));
  };
}

async function pagesByCursor(snapshot: Kysely<Tables>, table: TableDescription): Promise<NextPage> {
  const cursor = sql.ref(`rows of ${table.name}`);
  await sql`declare ${cursor} no scroll cursor for
    select ${columnsOf(table)} from ${sql.table(table.name)}`.execute(snapshot);
  return async (limit) => {
    const { rows } = await sql<Record<string, unknown>>`fetch ${sql.lit(limit)} from ${cursor}`.execute(
      snapshot,
    );
    return rows.map((row) => table.columns.map((column) => cellOf(row[column])));
  };
}

function columnsOf({ columns }: TableDescription) {
  return sql.join(columns.map((column) => sql.ref(column)));
}

function cellOf(value: unknown): Cell {
  if (value === null || typeof value === 'string' || typeof value === 'number' || typeof value === 'bigint')
    return value;
  if (typeof value === 'boolean') return value ? 1 : 0;
  // Bytes: libsql gives an ArrayBuffer, pg a Buffer.
  if (types.isAnyArrayBuffer(value)) return Buffer.from(value);
  if (value instanceof Uint8Array) return Buffer.from(value);
  throw new Error(`a table has a value of the unexpected type ${typeof value}`);
}

const tagged = z.union([
  z.strictObject({ base64: z.base64() }),
  z.strictObject({ integer: z.string().regex(/^-?\d{1,19}$/) }),
  z.strictObject({ number: z.enum(['NaN', 'Infinity', '-Infinity']) }),
]);
const line = z.array(z.union([z.string(), z.number(), z.null(), tagged]));

/** A row as one line of JSON: an array of its cells; what JSON has no form for is an object that says what it is. */
export function rowToLine(row: readonly Cell[]): string {
  return JSON.stringify(
    row.map((cell) => {
      if (Buffer.isBuffer(cell)) return { base64: cell.toString('base64') };
      if (typeof cell === 'bigint') return { integer: String(cell) };
      return typeof cell === 'number' && !Number.isFinite(cell) ? { number: String(cell) } : cell;
    }),
  );
}

/** @throws when the text is no such line. */
export function lineToRow(text: string): Cell[] {
  return line.parse(JSON.parse(text)).map((cell) => {
    if (cell === null || typeof cell !== 'object') return cell;
    if ('base64' in cell) return Buffer.from(cell.base64, 'base64');
    return 'integer' in cell ? BigInt(cell.integer) : Number(cell.number);
  });
}

/** Most parameters of one statement: SQLite takes 32 766, PostgreSQL 65 535. */
const mostParameters = 6000;

/** Inserts rows whose cells are in the order of the table's columns. */
export async function insertRows(
  transaction: Kysely<Tables>,
  kind: StoreKind,
  { name, columns }: TableDescription,
  rows: readonly Cell[][],
): Promise<void> {
  const perStatement = Math.max(1, Math.floor(mostParameters / columns.length));
  for (let start = 0; start < rows.length; start += perStatement) {
    const batch = rows.slice(start, start + perStatement);
    const places = batch.map((_, row) => `(${columns.map((_, column) => place(row, column)).join(',')})`);
    const statement = `insert into "${name}" (${columns.map((column) => `"${column}"`).join(',')}) values ${places.join(',')}`;
    await transaction.executeQuery(CompiledQuery.raw(statement, batch.flat().map(storable)));
  }
  function place(row: number, column: number): string {
    return kind === 'sqlite' ? '?' : `$${row * columns.length + column + 1}`;
  }
  /** PostgreSQL has no place for a NUL in text. */
  function storable(cell: Cell): Cell {
    return kind === 'postgresql' && typeof cell === 'string' ? cell.replaceAll('\0', '\uFFFD') : cell;
  }
}
