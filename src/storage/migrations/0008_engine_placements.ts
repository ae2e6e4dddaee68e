import type { Kysely } from 'kysely';

/** What this store has put into engines of other machines and has not seen gone. */
export async function up(database: Kysely<unknown>): Promise<void> {
  await database.schema
    .createTable('engine_placements')
    .addColumn('engine', 'text', (column) => column.notNull())
    .addColumn('name', 'text', (column) => column.notNull())
    .addColumn('model_id', 'text', (column) => column.notNull())
    .addColumn('version', 'text', (column) => column.notNull())
    .addColumn('artifact_sha256', 'text', (column) => column.notNull())
    .addColumn('spared_until', 'bigint', (column) => column.notNull())
    .addPrimaryKeyConstraint('engine_placements_key', ['engine', 'name'])
    .execute();
}
