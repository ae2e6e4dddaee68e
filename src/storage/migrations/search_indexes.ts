import { type Kysely, sql } from 'kysely';

/**
 * What searches at 100 000 versions look at: indexes that hold all a search wants to know of a version beside its
 * rows, which are long, and metrics and tags that are found by one look.
 */
export async function addSearchIndexes(
  database: Kysely<unknown>,
  store: 'sqlite' | 'postgresql',
): Promise<void> {
  // A btree of PostgreSQL takes no long texts; see textIndex.
  const text = sql.raw(store === 'sqlite' ? ', search_text' : '');
  const statements = [
    sql`drop index versions_by_age`,
    sql`create index versions_by_age on versions (created_at, model_id, version, stage, framework${text})`,
    sql`create index versions_by_model on versions (model_id, created_at, version, stage, framework${text})`,
    sql`drop index versions_by_stage`,
    sql`create index versions_by_stage on versions (stage, created_at, model_id, version)`,
    sql`create index versions_by_framework on versions (lower(framework), created_at, model_id, version, stage)`,
    sql`create index versions_counted on versions (stage, framework, artifact_bytes)`,
    sql`create index aliases_by_name on aliases (alias, model_id, version)`,
    sql`create index aliases_by_version on aliases (model_id, version)`,
  ];
  for (const statement of statements) await statement.execute(database);
  if (store === 'postgresql') await sql.raw(textIndex).execute(database);
  for (const [table, type] of [
    ['version_metrics', 'double precision'],
    ['version_tags', 'text'],
  ] as const) {
    if (store === 'sqlite') await keepInKeyOrder(database, table, type);
    else await sql`drop index ${sql.ref(`${table}_by_value`)}`.execute(database);
    await sql`
      create index ${sql.ref(`${table}_by_value`)} on ${sql.table(table)} (name, value, model_id, version)`.execute(
      database,
    );
  }
}

/** Where the extension is not to be had, searches for text walk through the rows: slower, and right all the same. */
const textIndex = `do $index$ begin
  create extension if not exists pg_trgm;
  create index versions_by_text on versions using gin (search_text gin_trgm_ops);
exception when insufficient_privilege or feature_not_supported or undefined_file then null;
end $index$`;

/** The rows stand in the index of their key: finding a value by it takes one look in the place of two. */
async function keepInKeyOrder(database: Kysely<unknown>, table: string, type: string): Promise<void> {
  const before = `${table}_before`;
  await sql`alter table ${sql.table(table)} rename to ${sql.table(before)}`.execute(database);
  await sql`
    create table ${sql.table(table)} (
      model_id text not null, version text not null, name text not null, value ${sql.raw(type)} not null,
      primary key (model_id, version, name),
      foreign key (model_id, version) references versions (model_id, version)
    ) without rowid`.execute(database);
  await sql`
    insert into ${sql.table(table)} (model_id, version, name, value)
    select model_id, version, name, value from ${sql.table(before)}`.execute(database);
  await sql`drop table ${sql.table(before)}`.execute(database);
}
