import { type Kysely, PostgresAdapter, sql } from 'kysely';

/** The prediction log: how far journals were moved, segments of rows and their parts, counts by version and by minute. */
export async function createPredictionLog(database: Kysely<unknown>): Promise<void> {
  const { schema } = database;
  const isPostgres = database.getExecutor().adapter instanceof PostgresAdapter;
  // Ids are compared by bytes, as the code does, whatever the collation of the database.
  const idText = isPostgres ? sql`text collate "C"` : sql`text`;
  const binary = isPostgres ? sql`bytea` : sql`blob`;

  await schema
    .createTable('journals')
    .addColumn('journal', 'text', (column) => column.primaryKey())
    .addColumn('bytes_moved', 'bigint', (column) => column.notNull())
    .execute();

  await schema
    .createTable('prediction_segments')
    .addColumn('segment_id', 'text', (column) => column.primaryKey())
    .addColumn('model_id', 'text', (column) => column.notNull())
    .addColumn('version', 'text', (column) => column.notNull())
    .addColumn('day', 'bigint', (column) => column.notNull())
    .addColumn('min_at', 'bigint', (column) => column.notNull())
    .addColumn('max_at', 'bigint', (column) => column.notNull())
    .addColumn('min_id', idText, (column) => column.notNull())
    .addColumn('max_id', idText, (column) => column.notNull())
    .addColumn('rows', 'bigint', (column) => column.notNull())
    .addColumn('answered', 'bigint', (column) => column.notNull())
    .addColumn('errors', 'bigint', (column) => column.notNull())
    .addColumn('outcomes', 'bigint', (column) => column.notNull())
    .addColumn('shadows', 'bigint', (column) => column.notNull())
    .addColumn('shadow_outcomes', 'bigint', (column) => column.notNull())
    .addColumn('weight', 'bigint', (column) => column.notNull())
    .addColumn('tier', 'integer', (column) => column.notNull())
    .addColumn('bytes', 'bigint', (column) => column.notNull())
    .addColumn('revision', 'bigint', (column) => column.notNull())
    .addColumn('claimed_until', 'bigint', (column) => column.notNull())
    .addColumn('outcomes_at', 'bigint', (column) => column.notNull())
    .execute();
  for (const [name, columns] of [
    ['by_version_and_time', ['model_id', 'version', 'max_at']],
    ['by_time', ['model_id', 'max_at', 'segment_id']],
    ['by_id', ['model_id', 'max_id', 'min_id']],
    ['by_tier', ['tier', 'model_id', 'version', 'day']],
    ['by_age', ['max_at']],
  ] as const)
    await schema
      .createIndex(`prediction_segments_${name}`)
      .on('prediction_segments')
      .columns([...columns])
      .execute();

  await schema
    .createTable('prediction_segment_parts')
    .addColumn('segment_id', 'text', (column) => column.notNull())
    .addColumn('part', 'text', (column) => column.notNull())
    .addColumn('bytes', binary, (column) => column.notNull())
    .addPrimaryKeyConstraint('prediction_segment_parts_key', ['segment_id', 'part'])
    .execute();
  // PostgreSQL need not compress them, since they are deflated already.
  if (isPostgres)
    await sql`alter table prediction_segment_parts alter column bytes set storage external`.execute(database);

  await schema
    .createTable('caller_ids')
    .addColumn('model_id', 'text', (column) => column.notNull())
    .addColumn('prediction_id', idText, (column) => column.notNull())
    .addColumn('digest', 'text', (column) => column.notNull())
    .addColumn('version', 'text', (column) => column.notNull())
    .addColumn('at', 'bigint', (column) => column.notNull())
    .addColumn('logged', 'integer', (column) => column.notNull())
    .addPrimaryKeyConstraint('caller_ids_key', ['model_id', 'prediction_id'])
    .execute();
  await schema.createIndex('caller_ids_by_age').on('caller_ids').column('at').execute();

  await schema
    .createTable('log_tasks')
    .addColumn('task', 'text', (column) => column.primaryKey())
    .addColumn('next_at', 'bigint', (column) => column.notNull())
    .execute();
  await sql`insert into log_tasks (task, next_at) values ('retention', 0)`.execute(database);

  await schema
    .createTable('serving_totals')
    .addColumn('model_id', 'text', (column) => column.notNull())
    .addColumn('version', 'text', (column) => column.notNull())
    .addColumn('calls', 'bigint', (column) => column.notNull())
    .addColumn('rows', 'bigint', (column) => column.notNull())
    .addColumn('errors', 'bigint', (column) => column.notNull())
    .addColumn('last_call_at', 'bigint', (column) => column.notNull())
    .addColumn('last_told_at', 'bigint', (column) => column.notNull())
    .addColumn('last_error_at', 'bigint')
    .addColumn('last_error', 'text')
    .addPrimaryKeyConstraint('serving_totals_key', ['model_id', 'version'])
    .execute();

  await schema
    .createTable('serving_minutes')
    .addColumn('model_id', 'text', (column) => column.notNull())
    .addColumn('version', 'text', (column) => column.notNull())
    .addColumn('minute', 'bigint', (column) => column.notNull())
    .addColumn('journal', 'text', (column) => column.notNull())
    .addColumn('calls', 'bigint', (column) => column.notNull())
    .addColumn('errors', 'bigint', (column) => column.notNull())
    .addColumn('latency', 'text', (column) => column.notNull())
    .addColumn('queue', 'text')
    .addPrimaryKeyConstraint('serving_minutes_key', ['model_id', 'version', 'minute', 'journal'])
    .execute();
}
