import { type Kysely, PostgresAdapter, sql } from 'kysely';

/**
 * References in typed columns, each read alone, and whole rows of them. References of before keep their profile as
 * JSON in `references.profile`; of new ones it is empty. Columns are written before the row of the reference, which
 * makes them visible, so they cannot refer to it.
 */
export async function up(database: Kysely<unknown>): Promise<void> {
  const { schema } = database;
  const isPostgres = database.getExecutor().adapter instanceof PostgresAdapter;
  const binary = isPostgres ? sql`bytea` : sql`blob`;

  await schema
    .createTable('reference_columns')
    .addColumn('reference_id', 'text', (column) => column.notNull())
    .addColumn('part', 'text', (column) => column.notNull())
    .addColumn('position', 'integer', (column) => column.notNull())
    .addColumn('name', 'text', (column) => column.notNull())
    .addColumn('kind', 'text', (column) => column.notNull())
    .addColumn('facts', 'text', (column) => column.notNull())
    .addColumn('bytes', binary, (column) => column.notNull())
    .addPrimaryKeyConstraint('reference_columns_key', ['reference_id', 'part', 'position'])
    .execute();

  await schema
    .createTable('reference_rows')
    .addColumn('reference_id', 'text', (column) => column.primaryKey())
    .addColumn('row_count', 'bigint', (column) => column.notNull())
    .addColumn('outcomes', 'bigint', (column) => column.notNull())
    .addColumn('bytes', binary, (column) => column.notNull())
    .execute();
}
