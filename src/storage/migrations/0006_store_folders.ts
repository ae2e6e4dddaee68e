import type { Kysely } from 'kysely';

/** The folders of the machines that share a store in PostgreSQL, and where each keeps the artifacts. */
export async function up(database: Kysely<unknown>): Promise<void> {
  await database.schema
    .createTable('store_folders')
    .addColumn('folder_id', 'text', (column) => column.primaryKey())
    .addColumn('host', 'text', (column) => column.notNull())
    .addColumn('artifacts', 'text', (column) => column.notNull())
    .addColumn('seen_at', 'bigint', (column) => column.notNull())
    .execute();
}
