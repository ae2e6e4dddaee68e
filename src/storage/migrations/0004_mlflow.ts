import { type Kysely, sql } from 'kysely';

/** What MLflow is to be told and was told: the outbox, the versions' numbers there, the runs of deployments. */
export async function up(database: Kysely<unknown>): Promise<void> {
  const { schema } = database;
  await schema
    .createTable('mlflow_sync')
    .addColumn('model_id', 'text', (column) => column.primaryKey())
    .addColumn('wanted_sequence', 'bigint', (column) => column.notNull())
    .addColumn('synced_sequence', 'bigint', (column) => column.notNull())
    .addColumn('attempts', 'bigint', (column) => column.notNull())
    .addColumn('next_attempt_at', 'bigint', (column) => column.notNull())
    .addColumn('dead', 'integer', (column) => column.notNull())
    .addColumn('asked', 'integer', (column) => column.notNull())
    .addColumn('restore', 'integer', (column) => column.notNull())
    .addColumn('check_at', 'bigint')
    .addColumn('last_error', 'text')
    .addColumn('problems', 'text', (column) => column.notNull())
    .addColumn('memory', 'text', (column) => column.notNull())
    .addColumn('synced_at', 'bigint')
    .execute();

  // No reference to versions: what MLflow calls a version stays true when it is deleted here.
  await schema
    .createTable('mlflow_versions')
    .addColumn('model_id', 'text', (column) => column.notNull())
    .addColumn('version', 'text', (column) => column.notNull())
    .addColumn('mlflow_version', 'bigint', (column) => column.notNull())
    .addColumn('run_id', 'text', (column) => column.notNull())
    .addColumn('mapped_at', 'bigint', (column) => column.notNull())
    .addPrimaryKeyConstraint('mlflow_versions_key', ['model_id', 'version'])
    .addUniqueConstraint('mlflow_versions_number', ['model_id', 'mlflow_version'])
    .execute();

  await schema
    .createTable('mlflow_sender')
    .addColumn('id', 'integer', (column) => column.primaryKey().check(sql`id = 1`))
    .addColumn('store_id', 'text', (column) => column.notNull())
    .addColumn('holder', 'text')
    .addColumn('expires_at', 'bigint', (column) => column.notNull())
    .addColumn('scanned_sequence', 'bigint', (column) => column.notNull())
    .addColumn('tracked_sequence', 'bigint', (column) => column.notNull())
    .addColumn('attempts', 'bigint', (column) => column.notNull())
    .addColumn('next_attempt_at', 'bigint', (column) => column.notNull())
    .addColumn('last_error', 'text')
    .addColumn('last_contact_at', 'bigint')
    .execute();

  await schema
    .createTable('mlflow_runs')
    .addColumn('run_id', 'text', (column) => column.primaryKey())
    .addColumn('model_id', 'text', (column) => column.notNull())
    .addColumn('version', 'text', (column) => column.notNull())
    .addColumn('started_at', 'bigint', (column) => column.notNull())
    .addColumn('ended_at', 'bigint')
    .addColumn('logged_until', 'bigint', (column) => column.notNull())
    .addColumn('pending', 'text')
    .execute();

  await schema
    .createTable('mlflow_measurements')
    .addColumn('measurement_id', 'text', (column) => column.primaryKey())
    .addColumn('model_id', 'text', (column) => column.notNull())
    .addColumn('version', 'text', (column) => column.notNull())
    .addColumn('at', 'bigint', (column) => column.notNull())
    .addColumn('metrics', 'text', (column) => column.notNull())
    .execute();
}
