import { type Kysely, PostgresAdapter, sql } from 'kysely';

/** The rules of stages and of append-only tables as triggers, so that they hold whatever the code does. */
export async function createStageRules(database: Kysely<unknown>): Promise<void> {
  const isPostgreSql = database.getExecutor().adapter instanceof PostgresAdapter;
  const triggers = isPostgreSql ? postgresTriggers : sqliteTriggers;
  for (const statement of triggers) await sql.raw(statement).execute(database);
}

const legalStep = `(
  (new.from_stage = 'development' and new.to_stage in ('staging', 'production', 'archived'))
  or (new.from_stage = 'staging' and new.to_stage in ('production', 'archived'))
  or (new.from_stage = 'production' and new.to_stage = 'archived')
  or (new.from_stage = 'archived' and new.to_stage = 'development')
  or (new.kind = 'rollback' and new.from_stage = 'archived' and new.to_stage = 'production'))`;

/** A transition starts from the version's present stage; history may be restored before its versions. */
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
  /** What must hold, or else the statement fails with `message`. */
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
