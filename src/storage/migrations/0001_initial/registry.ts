import { type Kysely, PostgresAdapter, sql } from 'kysely';

/** Models, versions with what searches read, aliases, lineage, stage history, gates. */
export async function createRegistry(database: Kysely<unknown>): Promise<void> {
  const { schema } = database;
  await schema
    .createTable('models')
    .addColumn('model_id', 'text', (column) => column.primaryKey())
    .addColumn('created_at', 'bigint', (column) => column.notNull())
    .addColumn('revision', 'bigint', (column) => column.notNull())
    .addColumn('description', 'text')
    .addColumn('tags', 'text')
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
    .addColumn('warnings', 'text', (column) => column.notNull())
    .addColumn('author', 'text')
    .addColumn('producer', 'text')
    .addColumn('opsets', 'text')
    .addColumn('updated_by', 'text')
    .addColumn('updated_at', 'bigint')
    .addColumn('search_text', 'text', (column) => column.notNull().defaultTo(''))
    // The number of its stage transitions, and the version's row number, by which search conditions form sets.
    .addColumn('transitions', 'bigint', (column) => column.notNull().defaultTo(0))
    .addColumn('number', 'bigint', (column) => column.notNull())
    .addPrimaryKeyConstraint('versions_key', ['model_id', 'version'])
    .execute();

  await createVersionIndexes(database);

  await createVersionFacts(database, 'version_metrics', 'double precision');
  await createVersionFacts(database, 'version_tags', 'text');

  // The history is numbered without gaps and outlives its versions.
  await schema
    .createTable('stage_transitions')
    .addColumn('transition_id', 'text', (column) => column.primaryKey())
    .addColumn('model_id', 'text', (column) => column.notNull())
    .addColumn('version', 'text', (column) => column.notNull())
    .addColumn('sequence', 'bigint', (column) => column.notNull())
    // The model's revision that the transition made, which orders transitions whatever the clocks say.
    .addColumn('revision', 'bigint', (column) => column.notNull())
    .addColumn('kind', 'text', (column) => column.notNull().check(sql`kind in ('promotion', 'rollback')`))
    .addColumn('forced', 'integer', (column) => column.notNull())
    .addColumn('from_stage', 'text', (column) => column.notNull())
    .addColumn('to_stage', 'text', (column) => column.notNull())
    .addColumn('at', 'bigint', (column) => column.notNull())
    .addColumn('by', 'text', (column) => column.notNull())
    .addColumn('reason', 'text')
    .addUniqueConstraint('stage_transitions_sequence', ['model_id', 'version', 'sequence'])
    .execute();
  await schema
    .createIndex('stage_transitions_by_model')
    .on('stage_transitions')
    .columns(['model_id', 'revision'])
    .execute();

  await schema
    .createTable('aliases')
    .addColumn('model_id', 'text', (column) => column.notNull())
    .addColumn('alias', 'text', (column) => column.notNull())
    .addColumn('version', 'text', (column) => column.notNull())
    .addColumn('changed_at', 'bigint', (column) => column.notNull())
    .addColumn('changed_by', 'text', (column) => column.notNull())
    .addPrimaryKeyConstraint('aliases_key', ['model_id', 'alias'])
    .addForeignKeyConstraint('aliases_version', ['model_id', 'version'], 'versions', ['model_id', 'version'])
    .execute();
  await sql`create index aliases_by_name on aliases (alias, model_id, version)`.execute(database);
  await sql`create index aliases_by_version on aliases (model_id, version)`.execute(database);

  await schema
    .createTable('version_parents')
    .addColumn('model_id', 'text', (column) => column.notNull())
    .addColumn('version', 'text', (column) => column.notNull())
    .addColumn('parent_model_id', 'text', (column) => column.notNull())
    .addColumn('parent_version', 'text', (column) => column.notNull())
    .addPrimaryKeyConstraint('version_parents_key', [
      'model_id',
      'version',
      'parent_model_id',
      'parent_version',
    ])
    // The parent may be deleted, and the record that it was the parent stays.
    .addForeignKeyConstraint('version_parents_child', ['model_id', 'version'], 'versions', [
      'model_id',
      'version',
    ])
    .execute();
  await schema
    .createIndex('version_parents_by_parent')
    .on('version_parents')
    .columns(['parent_model_id', 'parent_version'])
    .execute();

  // A deleted name is never given again, so that what was logged under it keeps its meaning.
  await schema
    .createTable('deleted_versions')
    .addColumn('model_id', 'text', (column) => column.notNull())
    .addColumn('version', 'text', (column) => column.notNull())
    .addColumn('deleted_at', 'bigint', (column) => column.notNull())
    .addColumn('deleted_by', 'text', (column) => column.notNull())
    .addColumn('artifact_sha256', 'text', (column) => column.notNull())
    .addPrimaryKeyConstraint('deleted_versions_key', ['model_id', 'version'])
    .execute();

  await schema
    .createTable('gate_policies')
    .addColumn('model_id', 'text', (column) => column.notNull().references('models.model_id'))
    .addColumn('stage', 'text', (column) => column.notNull())
    .addColumn('policy', 'text', (column) => column.notNull())
    .addColumn('changed_at', 'bigint', (column) => column.notNull())
    .addColumn('changed_by', 'text', (column) => column.notNull())
    .addPrimaryKeyConstraint('gate_policies_key', ['model_id', 'stage'])
    .execute();
}

/** Indexes for searches over 100 000 versions: they hold all that a search reads of a version outside its rows. */
async function createVersionIndexes(database: Kysely<unknown>): Promise<void> {
  const isPostgreSql = database.getExecutor().adapter instanceof PostgresAdapter;
  // PostgreSQL's b-tree holds no long texts, so it has an index of its own for them.
  const text = sql.raw(isPostgreSql ? '' : ', search_text');
  for (const statement of [
    // One production version a model, whatever the code does.
    sql`create unique index one_production_version on versions (model_id) where stage = 'production'`,
    sql`create index versions_by_artifact on versions (artifact_sha256)`,
    sql`create unique index versions_by_number on versions (number)`,
    sql`create index versions_by_model on versions (model_id, number, stage${text})`,
    sql`create index versions_by_stage on versions (stage, number)`,
    sql`create index versions_by_framework on versions (lower(framework), number)`,
    sql`create index versions_counted on versions (stage, framework, artifact_bytes)`,
    ...(isPostgreSql ? [sql.raw(textIndex)] : []),
  ])
    await statement.execute(database);
}

/** Where the extension is not available, text searches scan the rows: slower, with the same result. */
const textIndex = `do $index$ begin
  create extension if not exists pg_trgm;
  create index versions_by_text on versions using gin (search_text gin_trgm_ops);
exception when insufficient_privilege or feature_not_supported or undefined_file then null;
end $index$`;

/** Metrics or tags by the version's row number alone: what a condition matches is a run of integers in one index. */
async function createVersionFacts(database: Kysely<unknown>, table: string, type: string): Promise<void> {
  const isPostgreSql = database.getExecutor().adapter instanceof PostgresAdapter;
  await sql`
    create table ${sql.table(table)} (
      number bigint not null, name text not null, value ${sql.raw(type)} not null,
      constraint ${sql.ref(`${table}_by_number`)} primary key (number, name),
      constraint ${sql.ref(`${table}_of_version`)} foreign key (number) references versions (number)
    ) ${sql.raw(isPostgreSql ? '' : 'without rowid')}`.execute(database);
  await sql`
    create index ${sql.ref(`${table}_by_value`)} on ${sql.table(table)} (name, value, number)`.execute(
    database,
  );
}
