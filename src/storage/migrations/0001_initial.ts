import { type Kysely, sql } from 'kysely';

export async function up(database: Kysely<unknown>): Promise<void> {
  const { schema } = database;

  await schema
    .createTable('models')
    .addColumn('model_id', 'text', (column) => column.primaryKey())
    .addColumn('created_at', 'bigint', (column) => column.notNull())
    .addColumn('revision', 'bigint', (column) => column.notNull())
    .execute();

  await schema
    .createTable('versions')
    .addColumn('model_id', 'text', (column) => column.notNull().references('models.model_id'))
    .addColumn('version', 'text', (column) => column.notNull())
    .addColumn('stage', 'text', (column) =>
      column.notNull().check(sql`stage in ('development', 'staging', 'production', 'archived')`),
    )
    .addColumn('created_at', 'bigint', (column) => column.notNull())
    .addColumn('created_by', 'text', (column) => column.notNull())
    .addColumn('source', 'text', (column) => column.notNull())
    .addColumn('artifact_sha256', 'text', (column) => column.notNull())
    .addColumn('artifact_bytes', 'bigint', (column) => column.notNull())
    .addColumn('signature', 'text', (column) => column.notNull())
    .addColumn('class_labels', 'text')
    .addColumn('framework', 'text')
    .addColumn('algorithm', 'text')
    .addColumn('hyperparameters', 'text')
    .addColumn('description', 'text')
    .addColumn('parent_version', 'text')
    .addColumn('warnings', 'text', (column) => column.notNull())
    .addPrimaryKeyConstraint('versions_key', ['model_id', 'version'])
    .execute();
  // One production version a model, whatever the code does.
  await sql`create unique index one_production_version on versions (model_id) where stage = 'production'`.execute(
    database,
  );
  await schema
    .createIndex('versions_by_age')
    .on('versions')
    .columns(['created_at', 'model_id', 'version'])
    .execute();
  await schema.createIndex('versions_by_artifact').on('versions').column('artifact_sha256').execute();
  await schema.createIndex('versions_by_stage').on('versions').columns(['stage', 'created_at']).execute();

  for (const [table, type] of [
    ['version_metrics', 'double precision'],
    ['version_tags', 'text'],
  ] as const) {
    await schema
      .createTable(table)
      .addColumn('model_id', 'text', (column) => column.notNull())
      .addColumn('version', 'text', (column) => column.notNull())
      .addColumn('name', 'text', (column) => column.notNull())
      .addColumn('value', type, (column) => column.notNull())
      .addPrimaryKeyConstraint(`${table}_key`, ['model_id', 'version', 'name'])
      .addForeignKeyConstraint(`${table}_version`, ['model_id', 'version'], 'versions', [
        'model_id',
        'version',
      ])
      .execute();
    await schema.createIndex(`${table}_by_value`).on(table).columns(['name', 'value']).execute();
  }

  await schema
    .createTable('stage_transitions')
    .addColumn('transition_id', 'text', (column) => column.primaryKey())
    .addColumn('model_id', 'text', (column) => column.notNull())
    .addColumn('version', 'text', (column) => column.notNull())
    .addColumn('from_stage', 'text', (column) => column.notNull())
    .addColumn('to_stage', 'text', (column) => column.notNull())
    .addColumn('at', 'bigint', (column) => column.notNull())
    .addColumn('by', 'text', (column) => column.notNull())
    .addColumn('reason', 'text')
    .addForeignKeyConstraint('stage_transitions_version', ['model_id', 'version'], 'versions', [
      'model_id',
      'version',
    ])
    .execute();
  await schema
    .createIndex('stage_transitions_by_model')
    .on('stage_transitions')
    .columns(['model_id', 'at', 'transition_id'])
    .execute();

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
    // Only what is deployed can carry traffic.
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

  await schema
    .createTable('references')
    .addColumn('reference_id', 'text', (column) => column.primaryKey())
    .addColumn('model_id', 'text', (column) => column.notNull())
    .addColumn('version', 'text', (column) => column.notNull())
    .addColumn('created_at', 'bigint', (column) => column.notNull())
    .addColumn('created_by', 'text', (column) => column.notNull())
    .addColumn('source', 'text', (column) => column.notNull())
    .addColumn('row_count', 'bigint', (column) => column.notNull())
    .addColumn('profile', 'text', (column) => column.notNull())
    .addForeignKeyConstraint('references_version', ['model_id', 'version'], 'versions', [
      'model_id',
      'version',
    ])
    .execute();
  await schema
    .createIndex('references_by_version')
    .on('references')
    .columns(['model_id', 'version', 'created_at'])
    .execute();

  await schema
    .createTable('journals')
    .addColumn('journal', 'text', (column) => column.primaryKey())
    .addColumn('bytes_moved', 'bigint', (column) => column.notNull())
    .execute();

  await schema
    .createTable('predictions')
    .addColumn('prediction_id', 'text', (column) => column.primaryKey())
    .addColumn('model_id', 'text', (column) => column.notNull())
    .addColumn('version', 'text', (column) => column.notNull())
    .addColumn('at', 'bigint', (column) => column.notNull())
    .addColumn('route', 'text', (column) => column.notNull())
    .addColumn('entity_key', 'text')
    .addColumn('latency_ms', 'double precision', (column) => column.notNull())
    .addColumn('features', 'text')
    .addColumn('value', 'text')
    .addColumn('probabilities', 'text')
    .addColumn('error_code', 'text')
    .addColumn('error_message', 'text')
    .execute();
  await schema
    .createIndex('predictions_by_version_and_time')
    .on('predictions')
    .columns(['model_id', 'version', 'at'])
    .execute();

  await schema
    .createTable('serving_totals')
    .addColumn('model_id', 'text', (column) => column.notNull())
    .addColumn('version', 'text', (column) => column.notNull())
    .addColumn('calls', 'bigint', (column) => column.notNull())
    .addColumn('rows', 'bigint', (column) => column.notNull())
    .addColumn('errors', 'bigint', (column) => column.notNull())
    .addColumn('last_call_at', 'bigint', (column) => column.notNull())
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
    .addPrimaryKeyConstraint('serving_minutes_key', ['model_id', 'version', 'minute', 'journal'])
    .execute();
}
