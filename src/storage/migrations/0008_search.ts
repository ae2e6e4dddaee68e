import { type Kysely, PostgresAdapter, sql } from 'kysely';

/**
 * Every version gets a number, and its metrics and tags go by that alone: what a condition finds is then a run of
 * whole numbers in one index, which costs a tenth of what names of two texts cost, and sets of them are cut with one
 * another without looking anything up.
 */
export async function up(database: Kysely<unknown>): Promise<void> {
  const isPostgreSql = database.getExecutor().adapter instanceof PostgresAdapter;
  await numberVersions(database);
  for (const [table, type] of [
    ['version_metrics', 'double precision'],
    ['version_tags', 'text'],
  ] as const)
    await goByNumber(database, table, type, isPostgreSql ? '' : 'without rowid');
  // A btree of PostgreSQL takes no long texts; it has an index of its own for them.
  const text = sql.raw(isPostgreSql ? '' : ', search_text');
  for (const statement of [
    sql`drop index versions_by_age`,
    sql`drop index versions_by_model`,
    sql`create index versions_by_model on versions (model_id, number, stage${text})`,
    sql`drop index versions_by_stage`,
    sql`create index versions_by_stage on versions (stage, number)`,
    sql`drop index versions_by_framework`,
    sql`create index versions_by_framework on versions (lower(framework), number)`,
  ])
    await statement.execute(database);
}

async function numberVersions(database: Kysely<unknown>): Promise<void> {
  await database.schema
    .alterTable('versions')
    .addColumn('number', 'bigint', (column) => column.notNull().defaultTo(0))
    .execute();
  await sql`
    update versions set number = numbered.number
    from (
      select model_id, version, row_number() over (order by created_at, model_id, version) as number from versions
    ) as numbered
    where versions.model_id = numbered.model_id and versions.version = numbered.version`.execute(database);
  await sql`create unique index versions_by_number on versions (number)`.execute(database);
}

async function goByNumber(
  database: Kysely<unknown>,
  table: string,
  type: string,
  kept: string,
): Promise<void> {
  const numbered = `${table}_numbered`;
  await sql`
    create table ${sql.table(numbered)} (
      number bigint not null, name text not null, value ${sql.raw(type)} not null,
      constraint ${sql.ref(`${table}_by_number`)} primary key (number, name),
      constraint ${sql.ref(`${table}_of_version`)} foreign key (number) references versions (number)
    ) ${sql.raw(kept)}`.execute(database);
  await sql`
    insert into ${sql.table(numbered)} (number, name, value)
    select versions.number, owned.name, owned.value from ${sql.table(table)} as owned
    inner join versions on versions.model_id = owned.model_id and versions.version = owned.version
    order by versions.number, owned.name`.execute(database);
  await sql`drop table ${sql.table(table)}`.execute(database);
  await sql`alter table ${sql.table(numbered)} rename to ${sql.table(table)}`.execute(database);
  await sql`
    create index ${sql.ref(`${table}_by_value`)} on ${sql.table(table)} (name, value, number)`.execute(
    database,
  );
}
