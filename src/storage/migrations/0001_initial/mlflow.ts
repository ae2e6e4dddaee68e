import { type Kysely, sql } from 'kysely';

/** What is to be sent to MLflow and was sent: the outbox, the versions' numbers there, the runs of deployments. */
export async function createMlflow(database: Kysely<unknown>): Promise<void> {
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

  // No foreign key to versions: the number in MLflow outlives the version here.
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
    // Failed attempts of tracking are counted apart from those of the registry, so that neither waits for the other.
    .addColumn('tracking_attempts', 'bigint', (column) => column.notNull().defaultTo(0))
    .addColumn('tracking_next_at', 'bigint', (column) => column.notNull().defaultTo(0))
    .addColumn('tracking_error', 'text')
    .addColumn('tracking_check_at', 'bigint')
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
    // Which outcomes of the deployment were measured for MLflow already, and when to look again.
    .addColumn('outcomes_seen', 'text')
    .addColumn('outcomes_next_at', 'bigint', (column) => column.notNull().defaultTo(0))
    .execute();

  await schema
    .createTable('mlflow_measurements')
    .addColumn('measurement_id', 'text', (column) => column.primaryKey())
    .addColumn('model_id', 'text', (column) => column.notNull())
    .addColumn('version', 'text', (column) => column.notNull())
    .addColumn('at', 'bigint', (column) => column.notNull())
    .addColumn('metrics', 'text', (column) => column.notNull())
    .execute();

  await schema
    .createTable('mlflow_comparisons')
    .addColumn('model_id', 'text', (column) => column.primaryKey())
    .addColumn('set_at', 'bigint', (column) => column.notNull())
    .addColumn('test', 'text', (column) => column.notNull())
    .addColumn('seen', 'text')
    .addColumn('next_at', 'bigint', (column) => column.notNull())
    .addColumn('claimed_until', 'bigint', (column) => column.notNull())
    .execute();
}
