import { type Kysely, PostgresAdapter, sql } from 'kysely';
import { searchText } from '../../registry/search_text.ts';
import { addSearchIndexes } from './search_indexes.ts';

/**
 * The registry a team relies on: aliases, lineage, gates, approvals, the audit trail; and the rules of stages
 * and of append-only tables as triggers, so that they hold whatever the code does.
 */
export async function up(database: Kysely<unknown>): Promise<void> {
  await describeMore(database);
  await growHistory(database);
  await addNames(database);
  await addTrails(database);
  const isPostgreSql = database.getExecutor().adapter instanceof PostgresAdapter;
  await addSearchIndexes(database, isPostgreSql ? 'postgresql' : 'sqlite');
  const triggers = isPostgreSql ? postgresTriggers : sqliteTriggers;
  for (const statement of triggers) await sql.raw(statement).execute(database);
}

async function describeMore(database: Kysely<unknown>): Promise<void> {
  const { schema } = database;
  await schema.alterTable('models').addColumn('description', 'text').execute();
  await schema.alterTable('models').addColumn('tags', 'text').execute();
  for (const column of ['author', 'producer', 'opsets', 'updated_by'])
    await schema.alterTable('versions').addColumn(column, 'text').execute();
  await schema.alterTable('versions').addColumn('updated_at', 'bigint').execute();
  await schema
    .alterTable('versions')
    .addColumn('search_text', 'text', (column) => column.notNull().defaultTo(''))
    .execute();
  await schema
    .alterTable('versions')
    .addColumn('transitions', 'bigint', (column) => column.notNull().defaultTo(0))
    .execute();
  await fillSearchText(database);
}

/** Gives what is registered already the text that searches look at. */
async function fillSearchText(database: Kysely<unknown>): Promise<void> {
  const versions = await sql<
    Record<'model_id' | 'version', string> & Record<DescribingColumn, string | null>
  >`
    select model_id, version, author, framework, algorithm, description from versions`.execute(database);
  for (const { model_id, version, ...facts } of versions.rows) {
    const tags = await sql<{ name: string; value: string }>`
      select name, value from version_tags where model_id = ${model_id} and version = ${version}
      order by name`.execute(database);
    const named = Object.fromEntries(tags.rows.map(({ name, value }) => [name, value]));
    await sql`
      update versions set search_text = ${searchText({ ...facts, modelId: model_id, version, tags: named })}
      where model_id = ${model_id} and version = ${version}`.execute(database);
  }
}
type DescribingColumn = 'author' | 'framework' | 'algorithm' | 'description';

/** The history gets numbers without gaps, outlives its versions, and says what kind of step each was. */
async function growHistory(database: Kysely<unknown>): Promise<void> {
  const { schema } = database;
  await schema
    .createTable('stage_history')
    .addColumn('transition_id', 'text', (column) => column.primaryKey())
    .addColumn('model_id', 'text', (column) => column.notNull())
    .addColumn('version', 'text', (column) => column.notNull())
    .addColumn('sequence', 'bigint', (column) => column.notNull())
    // The model's revision that the step made: orders the steps of a model whatever the clocks say.
    .addColumn('revision', 'bigint', (column) => column.notNull())
    .addColumn('kind', 'text', (column) => column.notNull().check(sql`kind in ('promotion', 'rollback')`))
    .addColumn('forced', 'integer', (column) => column.notNull())
    .addColumn('from_stage', 'text', (column) => column.notNull())
    .addColumn('to_stage', 'text', (column) => column.notNull())
    .addColumn('at', 'bigint', (column) => column.notNull())
    .addColumn('by', 'text', (column) => column.notNull())
    .addColumn('reason', 'text')
    .addUniqueConstraint('stage_history_sequence', ['model_id', 'version', 'sequence'])
    .execute();
  await sql`
    insert into stage_history
    select transition_id, model_id, version,
      row_number() over (partition by model_id, version order by at, transition_id),
      row_number() over (partition by model_id order by at, transition_id),
      'promotion', 0, from_stage, to_stage, at, ${sql.ref('by')}, reason
    from stage_transitions`.execute(database);
  await sql`
    update versions set transitions = (
      select count(*) from stage_history
      where stage_history.model_id = versions.model_id and stage_history.version = versions.version
    )`.execute(database);
  await schema.dropTable('stage_transitions').execute();
  await schema.alterTable('stage_history').renameTo('stage_transitions').execute();
  await schema
    .createIndex('stage_transitions_by_model')
    .on('stage_transitions')
    .columns(['model_id', 'revision'])
    .execute();
}

async function addNames(database: Kysely<unknown>): Promise<void> {
  const { schema } = database;
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
    // A parent may be deleted; that it was the parent stays true.
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
  await sql`
    insert into version_parents
    select model_id, version, model_id, parent_version from versions where parent_version is not null`.execute(
    database,
  );
  await schema.alterTable('versions').dropColumn('parent_version').execute();

  // A name that was deleted is never given again: what was logged under it stays what it was.
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

async function addTrails(database: Kysely<unknown>): Promise<void> {
  const { schema } = database;
  await schema
    .createTable('approvals')
    .addColumn('request_id', 'text', (column) => column.primaryKey())
    .addColumn('kind', 'text', (column) => column.notNull().check(sql`kind in ('request', 'preview')`))
    .addColumn('created_at', 'bigint', (column) => column.notNull())
    .addColumn('expires_at', 'bigint', (column) => column.notNull())
    .addColumn('requested_by', 'text', (column) => column.notNull())
    .addColumn('action', 'text', (column) => column.notNull())
    .addColumn('model_id', 'text', (column) => column.notNull())
    .addColumn('summary', 'text', (column) => column.notNull())
    .addColumn('facts', 'text', (column) => column.notNull())
    .addColumn('fingerprint', 'text', (column) => column.notNull())
    .addColumn('granted_at', 'bigint')
    .addColumn('granted_by', 'text')
    .addColumn('denied_at', 'bigint')
    .addColumn('denied_by', 'text')
    .addColumn('used_at', 'bigint')
    .addColumn('closed_at', 'bigint')
    .execute();
  // One request for a change, however often and by however many it is asked for.
  await sql`
    create unique index one_open_request on approvals (fingerprint)
    where kind = 'request' and closed_at is null`.execute(database);
  await schema
    .createIndex('approvals_by_model')
    .on('approvals')
    .columns(['model_id', 'created_at'])
    .execute();

  await schema
    .createTable('audit_entries')
    .addColumn('sequence', 'bigint', (column) => column.primaryKey())
    .addColumn('at', 'bigint', (column) => column.notNull())
    .addColumn('request_id', 'text', (column) => column.notNull())
    .addColumn('role', 'text', (column) => column.notNull())
    .addColumn('client', 'text')
    .addColumn('action', 'text', (column) => column.notNull())
    .addColumn('model_id', 'text')
    .addColumn('version', 'text')
    .addColumn('arguments', 'text', (column) => column.notNull())
    .addColumn('before', 'text')
    .addColumn('after', 'text')
    .addColumn('outcome', 'text', (column) => column.notNull())
    .addColumn('detail', 'text')
    .addColumn('previous_hash', 'text', (column) => column.notNull())
    .addColumn('hash', 'text', (column) => column.notNull())
    .execute();
  await schema
    .createIndex('audit_entries_by_model')
    .on('audit_entries')
    .columns(['model_id', 'sequence'])
    .execute();
  // Where the chain ends: taken by every change, so that entries follow one another.
  await schema
    .createTable('audit_head')
    .addColumn('id', 'integer', (column) => column.primaryKey().check(sql`id = 1`))
    .addColumn('sequence', 'bigint', (column) => column.notNull())
    .addColumn('hash', 'text', (column) => column.notNull())
    .execute();
  await sql`insert into audit_head values (1, 0, ${'0'.repeat(64)})`.execute(database);
}

const legalStep = `(
  (new.from_stage = 'development' and new.to_stage in ('staging', 'production', 'archived'))
  or (new.from_stage = 'staging' and new.to_stage in ('production', 'archived'))
  or (new.from_stage = 'production' and new.to_stage = 'archived')
  or (new.from_stage = 'archived' and new.to_stage = 'development')
  or (new.kind = 'rollback' and new.from_stage = 'archived' and new.to_stage = 'production'))`;

/** A step of a version that exists goes on from where the version is; history may be restored before its versions. */
const goesOn = `not exists (
    select 1 from versions where model_id = new.model_id and version = new.version
    and (stage <> new.from_stage or transitions + 1 <> new.sequence))`;

const hasItsStep = `exists (
    select 1 from stage_transitions where model_id = new.model_id and version = new.version
    and sequence = new.transitions and to_stage = new.stage)`;

const movesByItsStep = `new.transitions = old.transitions + 1 and exists (
    select 1 from stage_transitions where model_id = new.model_id and version = new.version
    and sequence = new.transitions and from_stage = old.stage and to_stage = new.stage)`;

interface Rule {
  name: string;
  table: string;
  event: string;
  /** What must hold, or else `message`. */
  holds: string;
  message: string;
}

const rules: Rule[] = [
  {
    name: 'stage_transitions_legal',
    table: 'stage_transitions',
    event: 'insert',
    holds: `${legalStep} and ${goesOn}`,
    message: 'illegal stage transition',
  },
  {
    name: 'versions_begin_in_development',
    table: 'versions',
    event: 'insert',
    holds: `(new.stage = 'development' and new.transitions = 0) or ${hasItsStep}`,
    message: 'a version begins in development',
  },
  {
    name: 'versions_move_by_transitions',
    table: 'versions',
    event: 'update of stage, transitions',
    holds: `(new.stage = old.stage and new.transitions = old.transitions) or (${movesByItsStep})`,
    message: 'a stage changes only by a transition in the history',
  },
  ...(['stage_transitions', 'audit_entries'] as const).flatMap((table) =>
    (['update', 'delete'] as const).map((event) => ({
      name: `${table}_no_${event}`,
      table,
      event,
      holds: '1 = 0',
      message: `${table} is append-only`,
    })),
  ),
];

const sqliteTriggers = rules.map(
  ({ name, table, event, holds, message }) =>
    `create trigger ${name} before ${event} on ${table} when not (${holds}) begin select raise(abort, '${message}'); end`,
);

const postgresTriggers = rules.flatMap(({ name, table, event, holds, message }) => [
  `create function ${name}() returns trigger language plpgsql as $rule$
   begin
     if not (${holds}) then raise exception '${message}' using errcode = 'check_violation'; end if;
     return ${event === 'delete' ? 'old' : 'new'};
   end $rule$`,
  `create trigger ${name} before ${event} on ${table} for each row execute function ${name}()`,
]);
