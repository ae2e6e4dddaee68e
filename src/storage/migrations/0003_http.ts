import { type Kysely, PostgresAdapter, sql } from 'kysely';

/** Tokens of callers over HTTP, and the files that they uploaded. */
export async function up(database: Kysely<unknown>): Promise<void> {
  const { schema } = database;
  await schema
    .createTable('tokens')
    .addColumn('token_id', 'text', (column) => column.primaryKey())
    .addColumn('name', 'text', (column) => column.notNull().unique())
    .addColumn('role', 'text', (column) =>
      column.notNull().check(sql`role in ('viewer', 'client', 'operator', 'admin')`),
    )
    .addColumn('hash', 'text', (column) => column.notNull())
    .addColumn('created_at', 'bigint', (column) => column.notNull())
    .addColumn('created_by', 'text', (column) => column.notNull())
    .addColumn('expires_at', 'bigint')
    .addColumn('revoked_at', 'bigint')
    .addColumn('last_used_at', 'bigint')
    .execute();

  await schema
    .createTable('uploads')
    .addColumn('upload_id', 'text', (column) => column.primaryKey())
    .addColumn('name', 'text', (column) => column.notNull())
    .addColumn('complete', 'integer', (column) => column.notNull())
    .addColumn('sha256', 'text')
    .addColumn('bytes', 'bigint', (column) => column.notNull())
    .addColumn('uploaded_at', 'bigint', (column) => column.notNull())
    .addColumn('uploaded_by', 'text', (column) => column.notNull())
    .execute();
  // One of a name is there at a time; those that come in are not there yet.
  await sql`create unique index one_upload_a_name on uploads (name) where complete = 1`.execute(database);

  const binary = database.getExecutor().adapter instanceof PostgresAdapter ? sql`bytea` : sql`blob`;
  await schema
    .createTable('upload_pieces')
    .addColumn('upload_id', 'text', (column) => column.notNull())
    .addColumn('piece', 'integer', (column) => column.notNull())
    .addColumn('content', binary, (column) => column.notNull())
    .addPrimaryKeyConstraint('upload_pieces_key', ['upload_id', 'piece'])
    .addForeignKeyConstraint('upload_pieces_upload', ['upload_id'], 'uploads', ['upload_id'])
    .execute();
}
