import type { Kysely } from 'kysely';

/** Which engine runs a deployed version. */
export async function up(database: Kysely<unknown>): Promise<void> {
  await database.schema
    .alterTable('deployments')
    .addColumn('engine', 'text', (column) => column.notNull().defaultTo('embedded'))
    .execute();
}
