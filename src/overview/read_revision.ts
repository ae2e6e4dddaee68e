import type { Database } from '../storage/database.ts';

/** What somebody may want to be told of when it changes. */
export type Watched =
  | { kind: 'models' | 'rollouts' | 'alerts' }
  /** A model with its versions, stages, traffic and alerts, and what was measured of it last. */
  | { kind: 'model'; modelId: string }
  | { kind: 'drift'; modelId: string };

/**
 * A text that is another one as soon as any process has changed what is asked for: not for calls that were answered, nor for
 * looks that changed nothing. It costs a few small queries.
 */
export async function readRevision(database: Database, watched: Watched): Promise<string> {
  switch (watched.kind) {
    case 'models':
      return readModels(database);
    case 'rollouts':
      return readRollouts(database);
    case 'alerts':
      return readAlerts(database, undefined);
    case 'drift':
      return readMeasured(database, watched.modelId, 'drift');
    case 'model':
      return JSON.stringify([
        await readModels(database, watched.modelId),
        await readAlerts(database, watched.modelId),
        await readMeasured(database, watched.modelId, 'drift'),
      ]);
  }
}

async function readModels(database: Database, modelId?: string): Promise<string> {
  let models = database.selectFrom('models');
  if (modelId !== undefined) models = models.where('model_id', '=', modelId);
  const row = await models
    .select((eb) => [
      eb.fn.countAll().as('count'),
      // Every change of a model raises its revision.
      eb.fn.sum('revision').as('revisions'),
      eb.fn.max('created_at').as('newest'),
    ])
    .executeTakeFirstOrThrow();
  return textOf(row);
}

async function readRollouts(database: Database): Promise<string> {
  const row = await database
    .selectFrom('rollouts')
    .select((eb) => [
      eb.fn.countAll().as('count'),
      // Every decision raises it.
      eb.fn.sum('sequence').as('decisions'),
      eb.fn.max('started_at').as('newest'),
    ])
    .executeTakeFirstOrThrow();
  return textOf(row);
}

async function readAlerts(database: Database, modelId: string | undefined): Promise<string> {
  let alerts = database.selectFrom('alerts');
  if (modelId !== undefined) alerts = alerts.where('model_id', '=', modelId);
  const rows = await alerts
    .select((eb) => [
      'state',
      'severity',
      eb.fn.countAll().as('count'),
      eb.fn.max('opened_at').as('opened'),
      eb.fn.max('acknowledged_at').as('acknowledged'),
      eb.fn.max('resolved_at').as('resolved'),
    ])
    .groupBy(['state', 'severity'])
    .orderBy('state')
    .orderBy('severity')
    .execute();
  return JSON.stringify(rows.map(textOf));
}

async function readMeasured(database: Database, modelId: string, kind: 'drift'): Promise<string> {
  const row = await database
    .selectFrom('latest_measurements')
    .select((eb) => [eb.fn.countAll().as('count'), eb.fn.max('at').as('newest')])
    .where('model_id', '=', modelId)
    .where('kind', '=', kind)
    .executeTakeFirstOrThrow();
  return textOf(row);
}

/** Numbers are texts on PostgreSQL; SQLite adds what the row cost. */
function textOf({ _metadata: _, ...row }: Record<string, unknown>): string {
  return JSON.stringify(
    Object.entries(row).map(([name, value]) => [name, value === null ? null : String(value)]),
  );
}
