import { messageOf } from '../../errors.ts';
import { routeColumns, routeOfDeployed, selectDeployed } from '../../serving/deployed_rows.ts';
import { routeOf } from '../../serving/stored_route.ts';
import type { Database } from '../../storage/database.ts';
import { type CallEvidence, readCallEvidence } from './call_evidence.ts';
import { type DriftEvaluation, type DriftLimits, evaluateDrift } from './drift_evidence.ts';
import { readShares, readTraffic } from './route_evidence.ts';
import type { BreakerEvidence } from './rules/breaker_trips.ts';
import type { DriftEvidence } from './rules/data_drift.ts';
import type { Assignments } from './rules/sample_ratio.ts';
import type { TrafficEvidence } from './rules/silence.ts';

export interface EvidenceRequest {
  /** Milliseconds since 1970. */
  now: number;
  thresholds: { errorRate: number; latencyMs: number };
  drift: DriftLimits;
}

/** The evidence about a deployed version. */
interface VersionEvidence {
  modelId: string;
  version: string;
  thresholds: { errorRate: number; latencyMs: number };
  calls: CallEvidence;
  breaker: BreakerEvidence | undefined;
  /** undefined where it was not checked this time. */
  drift: DriftEvidence | undefined;
}

/** The evidence about a model that has a route. */
interface RouteEvidence {
  modelId: string;
  traffic: TrafficEvidence | undefined;
  assignments: Assignments | undefined;
}

/** Everything that the rules judge in one evaluation; plain data that can be sent between threads. */
export interface Evidence {
  versions: VersionEvidence[];
  routes: RouteEvidence[];
  /** To be written with the resulting alerts. */
  driftEvaluations: DriftEvaluation[];
  /** What could not be looked at, and why: reports that could not be made, rows that are damaged. */
  failures: string[];
}

/**
 * Reads the evidence about everything that is deployed. Takes long and much memory where the log is large, so not for
 * the thread that answers calls.
 *
 * @param clock for how long a drift report takes
 */
export async function gatherEvidence(
  database: Database,
  request: EvidenceRequest,
  clock: () => number,
): Promise<Evidence> {
  const { now, thresholds } = request;
  const failures: string[] = [];
  const deployments = [
    ...(await readDeployments(database, failures)),
    ...(await readServedElsewhere(database, now)),
  ];
  const calls = await readCallEvidence(database, now);
  const drift = await evaluateDrift(
    { database, clock },
    deployments.map(({ modelId, version }) => ({ modelId, version })),
    now,
    request.drift,
  );
  const versions = deployments.map((deployed): VersionEvidence => {
    const { modelId, version, breaker } = deployed;
    const own = calls.get(`${modelId}@${version}`) ?? {
      calls: 0,
      errors: 0,
      minutes: 0,
      p50: null,
      p95: null,
      p95AtLeast: null,
    };
    return {
      modelId,
      version,
      thresholds: {
        errorRate: deployed.errorThreshold ?? thresholds.errorRate,
        latencyMs: deployed.latencyThresholdMs ?? thresholds.latencyMs,
      },
      calls: own,
      breaker: breaker && { ...breaker, recentErrors: own.errors },
      drift: drift.evidence.get(`${modelId}@${version}`),
    };
  });
  const routes: RouteEvidence[] = [];
  for (const route of await readRoutes(database, failures)) {
    const breakers = deployments.filter(({ modelId }) => modelId === route.modelId);
    routes.push({
      modelId: route.modelId,
      traffic: await readTraffic(
        database,
        route.modelId,
        now,
        breakers.some(({ breaker }) => breaker !== undefined && breaker.reopensAt !== null),
      ),
      assignments: await readShares(
        database,
        route,
        now,
        Math.max(0, ...breakers.map(({ breaker }) => breaker?.lastTrippedAt ?? 0)),
      ),
    });
  }
  return {
    versions,
    routes,
    driftEvaluations: drift.evaluations,
    failures: [...failures, ...drift.failures],
  };
}

const toldMs = 24 * 3_600_000;

interface DeployedVersion {
  modelId: string;
  version: string;
  errorThreshold: number | null;
  latencyThresholdMs: number | null;
  breaker: Omit<BreakerEvidence, 'recentErrors'> | undefined;
}

async function readDeployments(database: Database, failures: string[]): Promise<DeployedVersion[]> {
  const rows = await selectDeployed(database)
    .select([
      'deployments.model_id',
      'deployments.version',
      'deployments.error_threshold',
      'deployments.latency_threshold_ms',
      ...routeColumns,
      'breakers.reopens_at',
      'breakers.trips',
      'breakers.last_tripped_at',
      'breakers.last_reason',
    ])
    .orderBy('deployments.model_id')
    .orderBy('deployments.version')
    .execute();
  return rows.map((row) => ({
    modelId: row.model_id,
    version: row.version,
    errorThreshold: row.error_threshold,
    latencyThresholdMs: row.latency_threshold_ms,
    breaker:
      row.trips === null
        ? undefined
        : {
            reopensAt: row.reopens_at,
            trips: row.trips,
            lastTrippedAt: row.last_tripped_at,
            lastReason: row.last_reason,
            weight: weightOf(row, failures),
          },
  }));
}

/** Versions that are not deployed here but have predictions logged by log_predictions in the last day. */
async function readServedElsewhere(database: Database, now: number): Promise<DeployedVersion[]> {
  const rows = await database
    .selectFrom('serving_totals as total')
    // The version may have been deleted.
    .innerJoin('versions', (join) =>
      join.onRef('versions.model_id', '=', 'total.model_id').onRef('versions.version', '=', 'total.version'),
    )
    .leftJoin('deployments as deployed', (join) =>
      join.onRef('deployed.model_id', '=', 'total.model_id').onRef('deployed.version', '=', 'total.version'),
    )
    .select(['total.model_id', 'total.version'])
    .where('total.last_told_at', '>=', now - toldMs)
    .where('deployed.version', 'is', null)
    .orderBy('total.model_id')
    .orderBy('total.version')
    .execute();
  return rows.map(({ model_id, version }) => ({
    modelId: model_id,
    version,
    errorThreshold: null,
    latencyThresholdMs: null,
    breaker: undefined,
  }));
}

/** Its share of the calls; all of them where the route is damaged, since it may carry them. */
function weightOf(
  row: Parameters<typeof routeOfDeployed>[0] & { version: string },
  failures: string[],
): number {
  try {
    return new Map(routeOfDeployed(row)?.weights ?? []).get(row.version) ?? 0;
  } catch (error) {
    failures.push(messageOf(error));
    return 1;
  }
}

/** Those that can be read. */
async function readRoutes(database: Database, failures: string[]) {
  const rows = await database.selectFrom('routes').selectAll().orderBy('model_id').execute();
  return rows.flatMap((row) => {
    try {
      const { weights, sticky } = routeOf(row);
      return [{ modelId: row.model_id, weights: new Map(weights), sticky, changedAt: row.changed_at }];
    } catch (error) {
      failures.push(messageOf(error));
      return [];
    }
  });
}
