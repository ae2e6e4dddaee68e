import { types } from 'node:util';
import { CompiledQuery, type Kysely, type RawBuilder, sql } from 'kysely';
import { z } from 'zod';
import type { StoreKind } from './database.ts';
import type { Tables } from './schema.ts';
import type { TableDescription } from './table_catalogue.ts';

/** A value of a table's cell, the same on both databases. */
export type Cell = string | number | bigint | Buffer | null;

/** About how much of a table is in memory at a time; one row at least, however large. */
const pageBytes = 4 * 1024 * 1024;
/** Rows whose sizes are asked for at a time. */
const sizesAtOnce = 5000;

/**
 * All rows of a table in pages of bounded size, as a snapshot's connection sees them; a row is its cells in the
 * order of the description's columns. What rows are large is asked before they are read: one may be some bytes and
 * the next a hundred megabytes.
 */
export async function* tablePages(
  snapshot: Kysely<Tables>,
  kind: StoreKind,
  table: TableDescription,
): AsyncGenerator<Cell[][]> {
  const reader = await (kind === 'sqlite' ? readByKey : readByCursor)(snapshot, table);
  for (;;) {
    const sizes = await reader.sizes(sizesAtOnce);
    if (sizes.length === 0) return;
    for (let from = 0; from < sizes.length; ) {
      const count = rowsOfPage(sizes, from);
      const rows = await reader.rows(count);
      yield rows.map((row) => table.columns.map((column) => cellOf(row[column])));
      from += count;
    }
  }
}

function rowsOfPage(sizes: readonly number[], from: number): number {
  let bytes = sizes[from] ?? 0;
  let count = 1;
  for (let at = from + 1; at < sizes.length; at++, count++) {
    bytes += sizes[at] ?? 0;
    if (bytes > pageBytes) break;
  }
  return count;
}

/** Reads a table twice side by side, in one order: the sizes of its rows, then the rows. */
interface Reader {
  sizes(count: number): Promise<number[]>;
  rows(count: number): Promise<Record<string, unknown>[]>;
}

/** SQLite has no cursor: each page begins after the key of the row before it. */
async function readByKey(snapshot: Kysely<Tables>, table: TableDescription): Promise<Reader> {
  const size = sql.join(
    table.columns.map((column) => sql`coalesce(length(${sql.ref(column)}), 0)`),
    sql` + `,
  );
  const keys = await keyColumns(snapshot, table);
  const key = sql.join(keys.map((column) => sql.ref(column)));
  const named = sql.join(keys.map((column, at) => sql`${sql.ref(column)} as ${sql.ref(keyName(at))}`));
  const pages = (content: RawBuilder<unknown>) => {
    let last: unknown[] | undefined;
    return async (count: number) => {
      const after = last === undefined ? sql`true` : sql`(${key}) > (${sql.join(last)})`;
      const { rows } = await sql<Record<string, unknown>>`
        select ${named}, ${content} from ${sql.table(table.name)}
        where ${after} order by ${key} limit ${count}`.execute(snapshot);
      const end = rows.at(-1);
      if (end !== undefined) last = keys.map((_, at) => end[keyName(at)]);
      return rows;
    };
  };
  const nextSizes = pages(sql`${size} as size`);
  return {
    sizes: async (count) => (await nextSizes(count)).map((row) => sizeOf.parse(row.size)),
    rows: pages(columnsOf(table)),
  };
}

const sizeOf = z.number();
const keyName = (at: number) => `modelyard_key_${at}`;

/** `rowid`, or the columns of the primary key where the table is kept in its order. */
async function keyColumns(snapshot: Kysely<Tables>, { name }: TableDescription): Promise<string[]> {
  const { rows: ordered } = await sql`
    select 1 from pragma_table_list(${name}) where wr = 1`.execute(snapshot);
  if (ordered.length === 0) return ['rowid'];
  const { rows } = await sql<{ name: string }>`
    select name from pragma_table_info(${name}) where pk > 0 order by pk`.execute(snapshot);
  return rows.map((row) => row.name);
}

async function readByCursor(snapshot: Kysely<Tables>, table: TableDescription): Promise<Reader> {
  const { rows: long } = await sql<{ name: string }>`
    select column_name as name from information_schema.columns
    where table_schema = current_schema() and table_name = ${table.name}
      and data_type in ('text', 'bytea')`.execute(snapshot);
  const size = sql.join(
    [sql`0`, ...long.map(({ name }) => sql`coalesce(octet_length(${sql.ref(name)}), 0)`)],
    sql` + `,
  );
  const sizes = sql.ref(`sizes of ${table.name}`);
  const read = sql.ref(`rows of ${table.name}`);
  // Each scan of a large table would else begin where another one is just now.
  await sql`set local synchronize_seqscans = off`.execute(snapshot);
  await sql`declare ${sizes} no scroll cursor for
    select ${size} as size from ${sql.table(table.name)}`.execute(snapshot);
  await sql`declare ${read} no scroll cursor for
    select ${columnsOf(table)} from ${sql.table(table.name)}`.execute(snapshot);
  return {
    async sizes(count) {
      const { rows } = await sql<{
        size: number;
      }>`fetch ${sql.lit(count)} from ${sizes}`.execute(snapshot);
      return rows.map((row) => row.size);
    },
    async rows(count) {
      const { rows } = await sql<Record<string, unknown>>`
        fetch ${sql.lit(count)} from ${read}`.execute(snapshot);
      return rows;
    },
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
const maxParameters = 6000;

/** Inserts rows whose cells are in the order of the table's columns. */
export async function insertRows(
  transaction: Kysely<Tables>,
  kind: StoreKind,
  { name, columns }: TableDescription,
  rows: readonly Cell[][],
): Promise<void> {
  const perStatement = Math.max(1, Math.floor(maxParameters / columns.length));
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
