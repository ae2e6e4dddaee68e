import { Kysely, sql } from 'kysely';
import { migrate } from './migrate.ts';
import { sqliteDialect } from './sqlite_dialect.ts';

export interface TableDescription {
  name: string;
  columns: string[];
}

/** A table, and whether the migrations themselves put rows into it. */
export interface KnownTable extends TableDescription {
  isSeeded: boolean;
}

interface Dependent {
  columns: string[];
  isSeeded: boolean;
  /** The tables that its rows refer to. */
  after: Set<string>;
}

/** What has to be there before it though no foreign key says so: the rule of stages looks for the step. */
const alsoBefore: Readonly<Record<string, readonly string[]>> = { versions: ['stage_transitions'] };

/** The store's own identity, its machines, and what it has put into engines: what is restored elsewhere is another store. */
const ofOneStore = ['store_identity', 'store_folders', 'engine_placements'];

/**
 * The tables as the migrations make them (all, or up to the one named), in an order in which they can be filled:
 * read from the catalogue of an empty database in memory, so that tables of others in a shared database are not
 * taken for ours. Without those
 * that are of one store.
 */
export async function tableCatalogue(upTo?: string): Promise<KnownTable[]> {
  const database = new Kysely<unknown>({ dialect: sqliteDialect(':memory:') });
  try {
    await migrate(database, upTo);
    const { rows } = await sql<{ name: string }>`
      select name from sqlite_master
      where type = 'table' and name not like 'sqlite!_%' escape '!' and name not like 'kysely!_%' escape '!'
        and name not like 'libsql!_%' escape '!' and name not in (${sql.join(ofOneStore)})
      order by name`.execute(database);
    const tables = new Map<string, Dependent>();
    for (const { name } of rows) {
      const columns = await sql<{ name: string }>`select name from pragma_table_info(${name})`.execute(
        database,
      );
      const keys = await sql<{ table: string }>`
        select distinct "table" from pragma_foreign_key_list(${name})`.execute(database);
      tables.set(name, {
        columns: columns.rows.map((column) => column.name),
        isSeeded: (await sql`select 1 from ${sql.table(name)} limit 1`.execute(database)).rows.length > 0,
        after: new Set(keys.rows.map(({ table }) => table)),
      });
    }
    for (const [name, others] of Object.entries(alsoBefore))
      for (const other of others) if (!tables.get(other)?.after.has(name)) tables.get(name)?.after.add(other);
    return inOrder(tables);
  } finally {
    await database.destroy();
  }
}

/** Each table after those it refers to. */
function inOrder(tables: ReadonlyMap<string, Dependent>): KnownTable[] {
  const placed: KnownTable[] = [];
  const left = new Map(tables);
  while (left.size > 0) {
    const ready = [...left].filter(([name, { after }]) =>
      [...after].every((other) => other === name || !left.has(other)),
    );
    if (ready.length === 0) throw new Error(`tables refer to one another: ${[...left.keys()].join(', ')}`);
    for (const [name, { columns, isSeeded }] of ready) {
      placed.push({ name, columns, isSeeded });
      left.delete(name);
    }
  }
  return placed;
}
