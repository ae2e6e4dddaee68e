import type { HealthCheck } from '../monitoring/health/health_status.ts';
import { nameOfStep, type Rollout, readOpenRollouts } from '../rollouts/rollout_store.ts';
import type { Database } from '../storage/database.ts';

/** What stands at the head of an overview: how much there is, and what wants attention. */
export interface Summary {
  models: number;
  versions: number;
  /** Models and versions that are deployed. */
  modelsInService: number;
  versionsInService: number;
  /** Of the last hour, over all processes. */
  calls: number;
  errors: number;
  checks: HealthCheck[];
  alerts: {
    /** Open or acknowledged, by severity. */
    counts: Record<'critical' | 'warning' | 'info', number>;
    newest: ShownAlert[];
  };
  rollouts: { total: number; newest: ShownRollout[] };
  /** The last changes, the newest first. */
  changes: ShownChange[];
}

interface ShownAlert {
  severity: string;
  state: string;
  cause: string;
  modelId: string;
  version: string | null;
  summary: string;
  openedAt: number;
}

interface ShownRollout {
  rolloutId: string;
  modelId: string;
  version: string;
  incumbent: string | undefined;
  state: string;
  /** Its position in the plan, from 0, of so many; and its name. */
  step: number;
  steps: number;
  stepName: string;
  waiting: string;
  startedAt: number;
}

interface ShownChange {
  at: number;
  /** How often in a row, the last at that time. */
  times: number;
  by: string;
  action: string;
  modelId: string | null;
  version: string | null;
  outcome: string;
}

const shownAlerts = 20;
const shownRollouts = 20;
const shownChanges = 15;
/** Entries that are looked at, since many in a row may be of one kind. */
const readEntries = 200;
const hourMs = 3_600_000;

export async function readSummary(
  { database, checks }: { database: Database; checks: () => Promise<HealthCheck[]> },
  now: number,
): Promise<Summary> {
  const count = async (table: 'models' | 'versions' | 'deployments') => {
    const { total } = await database
      .selectFrom(table)
      .select((eb) => eb.fn.countAll<number>().as('total'))
      .executeTakeFirstOrThrow();
    return Number(total);
  };
  const { models: inService } = await database
    .selectFrom('deployments')
    .select((eb) => eb.fn.count<number>('model_id').distinct().as('models'))
    .executeTakeFirstOrThrow();
  const minutes = await database
    .selectFrom('serving_minutes')
    .select((eb) => [
      eb.fn.sum<number | null>('calls').as('calls'),
      eb.fn.sum<number | null>('errors').as('errors'),
    ])
    .where('minute', '>=', now - hourMs)
    .executeTakeFirstOrThrow();
  return {
    models: await count('models'),
    versions: await count('versions'),
    modelsInService: Number(inService),
    versionsInService: await count('deployments'),
    calls: Number(minutes.calls ?? 0),
    errors: Number(minutes.errors ?? 0),
    checks: await checks(),
    alerts: await readAlerts(database),
    rollouts: await readRollouts(database),
    changes: await readChanges(database),
  };
}

async function readAlerts(database: Database): Promise<Summary['alerts']> {
  const counts = { critical: 0, warning: 0, info: 0 };
  const counted = await database
    .selectFrom('alerts')
    .select((eb) => ['severity', eb.fn.countAll<number>().as('count')])
    .where('state', '!=', 'resolved')
    .groupBy('severity')
    .execute();
  for (const { severity, count } of counted) counts[severity] = Number(count);
  const newest = await database
    .selectFrom('alerts')
    .select(['severity', 'state', 'cause', 'model_id', 'version', 'summary', 'opened_at'])
    .where('state', '!=', 'resolved')
    .orderBy('opened_at', 'desc')
    .orderBy('alert_id', 'desc')
    .limit(shownAlerts)
    .execute();
  return {
    counts,
    newest: newest.map(({ model_id, opened_at, ...alert }) => ({
      ...alert,
      modelId: model_id,
      openedAt: opened_at,
    })),
  };
}

async function readRollouts(database: Database): Promise<Summary['rollouts']> {
  const open = await readOpenRollouts(database);
  return { total: open.length, newest: open.toReversed().slice(0, shownRollouts).map(shownRollout) };
}

function shownRollout({ plan, progress, ...rollout }: Rollout): ShownRollout {
  const { rolloutId, modelId, version, incumbent, state, step, startedAt } = rollout;
  return {
    ...{ rolloutId, modelId, version, incumbent, state, step, startedAt },
    steps: plan.steps.length,
    stepName: nameOfStep(plan, step),
    waiting: progress.waiting,
  };
}

async function readChanges(database: Database): Promise<ShownChange[]> {
  const rows = await database
    .selectFrom('audit_entries')
    .select(['at', 'role', 'client', 'action', 'model_id', 'version', 'outcome'])
    .orderBy('sequence', 'desc')
    .limit(readEntries)
    .execute();
  const changes: ShownChange[] = [];
  for (const { at, role, client, action, model_id: modelId, version, outcome } of rows) {
    const by = client === null ? role : `${role}, ${client}`;
    const last = changes.at(-1);
    const isSame =
      last?.action === action &&
      last.modelId === modelId &&
      last.version === version &&
      last.by === by &&
      last.outcome === outcome;
    if (isSame) last.times++;
    else if (changes.length < shownChanges)
      changes.push({ at, times: 1, by, action, modelId, version, outcome });
    else break;
  }
  return changes;
}
