import type { Kysely } from 'kysely';

/** Sessions of MCP over HTTP, what one process has for another of them, and the files that their answers link to. */
export async function up(database: Kysely<unknown>): Promise<void> {
  const { schema } = database;
  await schema
    .createTable('mcp_sessions')
    .addColumn('session_id', 'text', (column) => column.primaryKey())
    // No foreign key to the token: a session of one that was deleted is found by nobody, and ends.
    .addColumn('owner', 'text', (column) => column.notNull())
    .addColumn('client_name', 'text', (column) => column.notNull())
    .addColumn('client_version', 'text', (column) => column.notNull())
    .addColumn('protocol_version', 'text', (column) => column.notNull())
    .addColumn('can_ask', 'integer', (column) => column.notNull())
    .addColumn('log_level', 'text')
    .addColumn('stream', 'text')
    .addColumn('created_at', 'bigint', (column) => column.notNull())
    .addColumn('last_seen_at', 'bigint', (column) => column.notNull())
    .execute();
  await schema
    .createIndex('mcp_sessions_by_owner')
    .on('mcp_sessions')
    .columns(['owner', 'last_seen_at'])
    .execute();

  await schema
    .createTable('mcp_messages')
    .addColumn('message_id', 'text', (column) => column.primaryKey())
    .addColumn('session_id', 'text', (column) => column.notNull())
    .addColumn('message', 'text', (column) => column.notNull())
    .addColumn('at', 'bigint', (column) => column.notNull())
    .addForeignKeyConstraint('mcp_messages_session', ['session_id'], 'mcp_sessions', ['session_id'], (key) =>
      key.onDelete('cascade'),
    )
    .execute();
  await schema
    .createIndex('mcp_messages_by_session')
    .on('mcp_messages')
    .columns(['session_id', 'at'])
    .execute();

  await schema
    .createTable('mcp_links')
    .addColumn('session_id', 'text', (column) => column.notNull())
    .addColumn('uri', 'text', (column) => column.notNull())
    .addColumn('name', 'text', (column) => column.notNull())
    .addColumn('mime_type', 'text', (column) => column.notNull())
    .addColumn('at', 'bigint', (column) => column.notNull())
    .addPrimaryKeyConstraint('mcp_links_key', ['session_id', 'uri'])
    .addForeignKeyConstraint('mcp_links_session', ['session_id'], 'mcp_sessions', ['session_id'], (key) =>
      key.onDelete('cascade'),
    )
    .execute();
}
