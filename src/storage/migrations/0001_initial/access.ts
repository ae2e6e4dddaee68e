import { type Kysely, sql } from 'kysely';

/** Approvals and the audit trail. */
export async function createAccess(database: Kysely<unknown>): Promise<void> {
  const { schema } = database;
  await schema
    .createTable('approvals')
    .addColumn('request_id', 'text', (column) => column.primaryKey())
    .addColumn('kind', 'text', (column) => column.notNull().check(sql`kind in ('request', 'preview')`))
    .addColumn('created_at', 'bigint', (column) => column.notNull())
    .addColumn('expires_at', 'bigint', (column) => column.notNull())
    .addColumn('requested_by', 'text', (column) => column.notNull())
    .addColumn('action', 'text', (column) => column.notNull())
    .addColumn('model_id', 'text', (column) => column.notNull())
    .addColumn('summary', 'text', (column) => column.notNull())
    .addColumn('facts', 'text', (column) => column.notNull())
    .addColumn('fingerprint', 'text', (column) => column.notNull())
    .addColumn('granted_at', 'bigint')
    .addColumn('granted_by', 'text')
    .addColumn('denied_at', 'bigint')
    .addColumn('denied_by', 'text')
    .addColumn('used_at', 'bigint')
    .addColumn('closed_at', 'bigint')
    .execute();
  // At most one open request for a change, however often it is asked for.
  await sql`
    create unique index one_open_request on approvals (fingerprint)
    where kind = 'request' and closed_at is null`.execute(database);
  await schema
    .createIndex('approvals_by_model')
    .on('approvals')
    .columns(['model_id', 'created_at'])
    .execute();

  await schema
    .createTable('audit_entries')
    .addColumn('sequence', 'bigint', (column) => column.primaryKey())
    .addColumn('at', 'bigint', (column) => column.notNull())
    .addColumn('request_id', 'text', (column) => column.notNull())
    .addColumn('role', 'text', (column) => column.notNull())
    .addColumn('client', 'text')
    .addColumn('action', 'text', (column) => column.notNull())
    .addColumn('model_id', 'text')
    .addColumn('version', 'text')
    .addColumn('arguments', 'text', (column) => column.notNull())
    .addColumn('before', 'text')
    .addColumn('after', 'text')
    .addColumn('state', 'text')
    .addColumn('outcome', 'text', (column) => column.notNull())
    .addColumn('detail', 'text')
    .addColumn('previous_hash', 'text', (column) => column.notNull())
    .addColumn('hash', 'text', (column) => column.notNull())
    .execute();
  await schema
    .createIndex('audit_entries_by_model')
    .on('audit_entries')
    .columns(['model_id', 'sequence'])
    .execute();
  // The end of the chain: every change locks it, so that entries follow one another.
  await schema
    .createTable('audit_head')
    .addColumn('id', 'integer', (column) => column.primaryKey().check(sql`id = 1`))
    .addColumn('sequence', 'bigint', (column) => column.notNull())
    .addColumn('hash', 'text', (column) => column.notNull())
    .execute();
  await sql`insert into audit_head values (1, 0, ${'0'.repeat(64)})`.execute(database);
}
