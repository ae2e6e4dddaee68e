import { type Kysely, sql } from 'kysely';

/** What the watch measured last of each version: its drift by feature, and its performance. */
export async function up(database: Kysely<unknown>): Promise<void> {
  await database.schema
    .createTable('latest_measurements')
    .addColumn('model_id', 'text', (column) => column.notNull())
    .addColumn('version', 'text', (column) => column.notNull())
    .addColumn('kind', 'text', (column) => column.notNull().check(sql`kind in ('drift', 'performance')`))
    .addColumn('at', 'bigint', (column) => column.notNull())
    .addColumn('facts', 'text', (column) => column.notNull())
    .addPrimaryKeyConstraint('latest_measurements_key', ['model_id', 'version', 'kind'])
    .execute();
}
