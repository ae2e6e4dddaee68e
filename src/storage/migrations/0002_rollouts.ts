import { type Kysely, sql } from 'kysely';

/** Rollouts, their decisions with the evidence, and the lease of who carries them on. */
export async function up(database: Kysely<unknown>): Promise<void> {
  const { schema } = database;
  // No foreign keys to models or versions: what a rollout decided outlives them.
  await schema
    .createTable('rollouts')
    .addColumn('rollout_id', 'text', (column) => column.primaryKey())
    .addColumn('model_id', 'text', (column) => column.notNull())
    .addColumn('version', 'text', (column) => column.notNull())
    .addColumn('incumbent', 'text')
    .addColumn('state', 'text', (column) =>
      column
        .notNull()
        .check(sql`state in ('running', 'paused', 'held', 'succeeded', 'rolled_back', 'aborted')`),
    )
    .addColumn('plan', 'text', (column) => column.notNull())
    .addColumn('reason', 'text')
    .addColumn('started_at', 'bigint', (column) => column.notNull())
    .addColumn('started_by', 'text', (column) => column.notNull())
    .addColumn('role', 'text', (column) => column.notNull())
    .addColumn('client', 'text')
    .addColumn('ended_at', 'bigint')
    .addColumn('step', 'integer', (column) => column.notNull())
    .addColumn('step_began_at', 'bigint', (column) => column.notNull())
    .addColumn('ran_ms', 'bigint', (column) => column.notNull())
    .addColumn('looked_at', 'bigint', (column) => column.notNull())
    .addColumn('sequence', 'integer', (column) => column.notNull())
    .addColumn('progress', 'text', (column) => column.notNull())
    .execute();
  // One a model at a time, however many processes start one at once.
  await sql`create unique index one_open_rollout on rollouts (model_id)
    where state in ('running', 'paused', 'held')`.execute(database);
  await schema.createIndex('rollouts_by_model').on('rollouts').columns(['model_id', 'started_at']).execute();

  await schema
    .createTable('rollout_decisions')
    .addColumn('rollout_id', 'text', (column) => column.notNull())
    .addColumn('sequence', 'integer', (column) => column.notNull())
    .addColumn('at', 'bigint', (column) => column.notNull())
    .addColumn('by', 'text', (column) => column.notNull())
    .addColumn('step', 'integer', (column) => column.notNull())
    .addColumn('action', 'text', (column) => column.notNull())
    .addColumn('reason', 'text', (column) => column.notNull())
    .addColumn('evidence', 'text', (column) => column.notNull())
    .addPrimaryKeyConstraint('rollout_decisions_key', ['rollout_id', 'sequence'])
    .addForeignKeyConstraint('rollout_decisions_rollout', ['rollout_id'], 'rollouts', ['rollout_id'])
    .execute();

  await schema
    .createTable('rollout_lease')
    .addColumn('id', 'integer', (column) => column.primaryKey().check(sql`id = 1`))
    .addColumn('holder', 'text')
    .addColumn('expires_at', 'bigint', (column) => column.notNull())
    .execute();
  await sql`insert into rollout_lease values (1, null, 0)`.execute(database);
}
