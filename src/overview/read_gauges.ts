import type { LatestMeasurements } from '../monitoring/latest/latest_measurements.ts';
import { nameOfStep, readOpenRollouts } from '../rollouts/rollout_store.ts';
import { type BreakerState, breakerState } from '../serving/breaker.ts';
import { breakerColumns, routeColumns, routeOfDeployed, selectDeployed } from '../serving/deployed_rows.ts';
import type { Database } from '../storage/database.ts';

/** A deployed version as monitoring systems see it. */
interface VersionGauges {
  modelId: string;
  version: string;
  /** Its share of the model's calls, 0 … 1; undefined where the route is damaged. */
  weight: number | undefined;
  breaker: BreakerState;
  trips: number;
  /** Of all time and all processes. */
  calls: number;
  errors: number;
  latest: LatestMeasurements;
}

/** What is the same for every process of the store. */
export interface Gauges {
  versions: VersionGauges[];
  /** Deployed versions that are not among them: those that were called least recently. */
  omitted: number;
  /** Open or acknowledged alerts of these models, by severity. */
  alerts: { modelId: string; severity: string; count: number }[];
  rollouts: { modelId: string; version: string; state: string; step: number; stepName: string }[];
}

/** Deployed versions that are told of. */
const mostVersions = 500;
/** Alerts and rollouts, by model, that are told of. */
const mostOthers = 500;

/** Reads neither predictions nor sketches: some hundred rows, however large the log. */
export async function readGauges(
  {
    database,
    latestMeasurements,
  }: {
    database: Database;
    latestMeasurements: (modelIds: readonly string[]) => Promise<Map<string, LatestMeasurements>>;
  },
  now: number,
): Promise<Gauges> {
  const rows = await selectDeployed(database)
    .leftJoin('serving_totals', (join) =>
      join
        .onRef('serving_totals.model_id', '=', 'deployments.model_id')
        .onRef('serving_totals.version', '=', 'deployments.version'),
    )
    .select((eb) => [
      'deployments.model_id',
      'deployments.version',
      ...routeColumns,
      ...breakerColumns,
      'serving_totals.calls',
      'serving_totals.errors',
      eb.fn.coalesce('serving_totals.last_call_at', eb.lit(0)).as('called_at'),
    ])
    .orderBy('called_at', 'desc')
    .orderBy('deployments.model_id')
    .orderBy('deployments.version')
    .limit(mostVersions)
    .execute();
  const { total } = await database
    .selectFrom('deployments')
    .select((eb) => eb.fn.countAll<number>().as('total'))
    .executeTakeFirstOrThrow();
  const latest = await latestMeasurements([...new Set(rows.map(({ model_id }) => model_id))]);
  return {
    versions: rows.map((row) => ({
      modelId: row.model_id,
      version: row.version,
      weight: weightOf(row),
      breaker: breakerState({ reopensAt: row.reopens_at ?? undefined, openMs: row.open_ms ?? 0 }, now),
      trips: row.trips ?? 0,
      calls: row.calls ?? 0,
      errors: row.errors ?? 0,
      latest: latest.get(`${row.model_id}@${row.version}`) ?? {},
    })),
    omitted: Math.max(0, Number(total) - rows.length),
    alerts: await readAlerts(database),
    rollouts: (await readOpenRollouts(database))
      .slice(0, mostOthers)
      .map(({ modelId, version, state, step, plan }) => ({
        ...{ modelId, version, state, step },
        stepName: nameOfStep(plan, step),
      })),
  };
}

function weightOf(row: Parameters<typeof routeOfDeployed>[0] & { version: string }): number | undefined {
  try {
    return routeOfDeployed(row)?.weights.find(([name]) => name === row.version)?.[1] ?? 0;
  } catch {
    // health_check says what is damaged; the other versions are told of.
    return undefined;
  }
}

async function readAlerts(database: Database): Promise<Gauges['alerts']> {
  const rows = await database
    .selectFrom('alerts')
    .select((eb) => ['model_id', 'severity', eb.fn.countAll<number>().as('count')])
    .where('state', '!=', 'resolved')
    .groupBy(['model_id', 'severity'])
    .orderBy('model_id')
    .limit(mostOthers)
    .execute();
  return rows.map(({ model_id, severity, count }) => ({ modelId: model_id, severity, count: Number(count) }));
}
