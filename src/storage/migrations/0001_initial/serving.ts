import type { Kysely } from 'kysely';

/** Deployments, routes, circuit breakers, and the agreement of shadows. */
export async function createServing(database: Kysely<unknown>): Promise<void> {
  const { schema } = database;
  await schema
    .createTable('deployments')
    .addColumn('model_id', 'text', (column) => column.notNull())
    .addColumn('version', 'text', (column) => column.notNull())
    .addColumn('deployed_at', 'bigint', (column) => column.notNull())
    .addColumn('deployed_by', 'text', (column) => column.notNull())
    .addColumn('error_threshold', 'double precision')
    .addColumn('latency_threshold_ms', 'double precision')
    .addColumn('instances', 'integer', (column) => column.notNull())
    .addColumn('probe', 'text')
    .addColumn('probed_at', 'bigint')
    .addColumn('probe_failure', 'text')
    .addColumn('input_sizes', 'text')
    .addPrimaryKeyConstraint('deployments_key', ['model_id', 'version'])
    .addForeignKeyConstraint('deployments_version', ['model_id', 'version'], 'versions', [
      'model_id',
      'version',
    ])
    .execute();

  await schema
    .createTable('routes')
    .addColumn('model_id', 'text', (column) => column.primaryKey())
    .addColumn('active_version', 'text', (column) => column.notNull())
    .addColumn('weights', 'text', (column) => column.notNull())
    .addColumn('sticky', 'integer', (column) => column.notNull())
    .addColumn('shadow_version', 'text')
    .addColumn('changed_at', 'bigint', (column) => column.notNull())
    .addColumn('changed_by', 'text', (column) => column.notNull())
    // Only a deployed version can carry traffic.
    .addForeignKeyConstraint('routes_deployment', ['model_id', 'active_version'], 'deployments', [
      'model_id',
      'version',
    ])
    .execute();

  await schema
    .createTable('breakers')
    .addColumn('model_id', 'text', (column) => column.notNull())
    .addColumn('version', 'text', (column) => column.notNull())
    .addColumn('reopens_at', 'bigint')
    .addColumn('open_ms', 'bigint', (column) => column.notNull())
    .addColumn('trips', 'bigint', (column) => column.notNull())
    .addColumn('last_tripped_at', 'bigint')
    .addColumn('last_reason', 'text')
    .addPrimaryKeyConstraint('breakers_key', ['model_id', 'version'])
    .addForeignKeyConstraint('breakers_version', ['model_id', 'version'], 'versions', ['model_id', 'version'])
    .execute();

  await schema
    .createTable('shadow_totals')
    .addColumn('model_id', 'text', (column) => column.notNull())
    .addColumn('shadow_version', 'text', (column) => column.notNull())
    .addColumn('primary_version', 'text', (column) => column.notNull())
    .addColumn('calls', 'bigint', (column) => column.notNull())
    .addColumn('errors', 'bigint', (column) => column.notNull())
    .addColumn('rows', 'bigint', (column) => column.notNull())
    .addColumn('agreed', 'bigint', (column) => column.notNull())
    .addPrimaryKeyConstraint('shadow_totals_key', ['model_id', 'shadow_version', 'primary_version'])
    .execute();
}
