import type { Kysely } from 'kysely';

/** Which store this is: the directory of its artifacts and journals says the same. It has its row from the first opening on. */
export async function createStore(database: Kysely<unknown>): Promise<void> {
  await database.schema
    .createTable('store_identity')
    .addColumn('id', 'integer', (column) => column.primaryKey())
    .addColumn('store_id', 'text', (column) => column.notNull())
    .execute();
}
