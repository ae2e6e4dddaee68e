import { type Kysely, PostgresAdapter, sql } from 'kysely';

/**
 * References in typed columns, each read by itself, and whole rows of them; the detectors of changes in each
 * version's calls. A reference's columns are written before its row, which makes them visible, so they have no
 * foreign key to it.
 */
export async function createMonitoring(database: Kysely<unknown>): Promise<void> {
  const { schema } = database;
  const isPostgres = database.getExecutor().adapter instanceof PostgresAdapter;
  const binary = isPostgres ? sql`bytea` : sql`blob`;

  await schema
    .createTable('references')
    .addColumn('reference_id', 'text', (column) => column.primaryKey())
    .addColumn('model_id', 'text', (column) => column.notNull())
    .addColumn('version', 'text', (column) => column.notNull())
    .addColumn('created_at', 'bigint', (column) => column.notNull())
    .addColumn('created_by', 'text', (column) => column.notNull())
    .addColumn('source', 'text', (column) => column.notNull())
    .addColumn('row_count', 'bigint', (column) => column.notNull())
    .addForeignKeyConstraint('references_version', ['model_id', 'version'], 'versions', [
      'model_id',
      'version',
    ])
    .execute();
  await schema
    .createIndex('references_by_version')
    .on('references')
    .columns(['model_id', 'version', 'created_at'])
    .execute();

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

  await schema
    .createTable('online_streams')
    .addColumn('model_id', 'text', (column) => column.notNull())
    .addColumn('version', 'text', (column) => column.notNull())
    .addColumn('stream', 'text', (column) => column.notNull())
    .addColumn('detectors', 'text', (column) => column.notNull())
    .addColumn('findings', 'text', (column) => column.notNull())
    .addColumn('last_found_at', 'bigint')
    .addPrimaryKeyConstraint('online_streams_key', ['model_id', 'version', 'stream'])
    .execute();
}
