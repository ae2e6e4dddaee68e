import type { Kysely } from 'kysely';

/** Detectors of changes in the stream of each version's calls: what they know, and what they found. */
export async function up(database: Kysely<unknown>): Promise<void> {
  await database.schema
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
