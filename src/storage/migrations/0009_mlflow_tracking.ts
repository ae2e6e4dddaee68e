import type { Kysely } from 'kysely';

/**
 * What of a deployment's outcomes was measured for MLflow already and when to look again; and the troubles of tracking
 * apart from those of the registry, so that neither waits for the other.
 */
export async function up(database: Kysely<unknown>): Promise<void> {
  const { schema } = database;
  await schema.alterTable('mlflow_runs').addColumn('outcomes_seen', 'text').execute();
  await schema
    .alterTable('mlflow_runs')
    .addColumn('outcomes_next_at', 'bigint', (column) => column.notNull().defaultTo(0))
    .execute();

  await schema
    .alterTable('mlflow_sender')
    .addColumn('tracking_attempts', 'bigint', (column) => column.notNull().defaultTo(0))
    .execute();
  await schema
    .alterTable('mlflow_sender')
    .addColumn('tracking_next_at', 'bigint', (column) => column.notNull().defaultTo(0))
    .execute();
  await schema.alterTable('mlflow_sender').addColumn('tracking_error', 'text').execute();
  await schema.alterTable('mlflow_sender').addColumn('tracking_check_at', 'bigint').execute();
}
