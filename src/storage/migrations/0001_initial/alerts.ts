import { type Kysely, sql } from 'kysely';

/** Alerts, their events, the lease of who evaluates, and the webhook messages that wait to be sent. */
export async function createAlerts(database: Kysely<unknown>): Promise<void> {
  const { schema } = database;

  // No foreign keys to models or versions: alerts outlive them.
  await schema
    .createTable('alerts')
    .addColumn('alert_id', 'text', (column) => column.primaryKey())
    .addColumn('alert_group', 'text', (column) => column.notNull())
    .addColumn('cause', 'text', (column) => column.notNull())
    .addColumn('model_id', 'text', (column) => column.notNull())
    .addColumn('version', 'text')
    .addColumn('severity', 'text', (column) =>
      column.notNull().check(sql`severity in ('info', 'warning', 'critical')`),
    )
    .addColumn('state', 'text', (column) =>
      column.notNull().check(sql`state in ('open', 'acknowledged', 'resolved')`),
    )
    .addColumn('rules', 'text', (column) => column.notNull())
    .addColumn('summary', 'text', (column) => column.notNull())
    .addColumn('facts', 'text', (column) => column.notNull())
    .addColumn('clean_rounds', 'integer', (column) => column.notNull())
    .addColumn('opened_at', 'bigint', (column) => column.notNull())
    .addColumn('last_firing_at', 'bigint', (column) => column.notNull())
    .addColumn('acknowledged_at', 'bigint')
    .addColumn('acknowledged_by', 'text')
    .addColumn('note', 'text')
    .addColumn('resolved_at', 'bigint')
    .execute();
  // At most one open alert a cause, however many processes find it at once.
  await sql`create unique index one_open_alert on alerts (alert_group) where state <> 'resolved'`.execute(
    database,
  );
  await schema.createIndex('alerts_by_age').on('alerts').columns(['opened_at', 'alert_id']).execute();
  await schema.createIndex('alerts_by_end').on('alerts').columns(['state', 'resolved_at']).execute();

  await schema
    .createTable('alert_events')
    .addColumn('sequence', 'bigint', (column) => column.primaryKey())
    .addColumn('alert_id', 'text', (column) => column.notNull())
    .addColumn('kind', 'text', (column) => column.notNull())
    .addColumn('severity', 'text', (column) => column.notNull())
    .addColumn('at', 'bigint', (column) => column.notNull())
    .addColumn('message', 'text', (column) => column.notNull())
    .execute();

  // Which process evaluates, when the next evaluation is due, and the number of the last event.
  await schema
    .createTable('alert_rounds')
    .addColumn('id', 'integer', (column) => column.primaryKey().check(sql`id = 1`))
    .addColumn('holder', 'text')
    .addColumn('expires_at', 'bigint', (column) => column.notNull())
    .addColumn('next_at', 'bigint', (column) => column.notNull())
    .addColumn('sequence', 'bigint', (column) => column.notNull())
    .execute();
  await sql`insert into alert_rounds values (1, null, 0, 0, 0)`.execute(database);

  await schema
    .createTable('drift_evaluations')
    .addColumn('model_id', 'text', (column) => column.notNull())
    .addColumn('version', 'text', (column) => column.notNull())
    .addColumn('reference_id', 'text', (column) => column.notNull())
    .addColumn('calls', 'bigint', (column) => column.notNull())
    .addColumn('evaluated_at', 'bigint', (column) => column.notNull())
    .addColumn('took_ms', 'bigint', (column) => column.notNull())
    .addPrimaryKeyConstraint('drift_evaluations_key', ['model_id', 'version'])
    .execute();

  await schema
    .createTable('webhook_targets')
    .addColumn('target', 'text', (column) => column.primaryKey())
    .addColumn('last_seen_at', 'bigint', (column) => column.notNull())
    .execute();
  await schema
    .createTable('webhook_deliveries')
    .addColumn('delivery_id', 'text', (column) => column.primaryKey())
    .addColumn('target', 'text', (column) => column.notNull())
    .addColumn('sequence', 'bigint', (column) => column.notNull())
    .addColumn('alert_id', 'text', (column) => column.notNull())
    .addColumn('body', 'text', (column) => column.notNull())
    .addColumn('queued_at', 'bigint', (column) => column.notNull())
    .addColumn('attempts', 'integer', (column) => column.notNull())
    .addColumn('next_attempt_at', 'bigint', (column) => column.notNull())
    .addColumn('given_up_at', 'bigint')
    .addColumn('last_error', 'text')
    .execute();
  await schema
    .createIndex('webhook_deliveries_by_target')
    .on('webhook_deliveries')
    .columns(['target', 'sequence'])
    .execute();
}
