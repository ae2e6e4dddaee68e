import { parseWeights } from '../../serving/served_models.ts';
import type { Database } from '../../storage/database.ts';
import { type CallEvidence, readCallEvidence } from './call_evidence.ts';
import { type DriftEvaluation, evaluateDrift } from './drift_evidence.ts';
import { readAssignments, readTraffic } from './route_evidence.ts';
import type { BreakerEvidence } from './rules/breaker_trips.ts';
import type { DriftEvidence } from './rules/data_drift.ts';
import type { Assignments } from './rules/sample_ratio.ts';
import type { TrafficEvidence } from './rules/silence.ts';

export interface EvidenceRequest {
  /** Milliseconds since 1970. */
  now: number;
  thresholds: { errorRate: number; latencyMs: number };
  /** Significance of a whole drift report. */
  driftThreshold: number;
}

/** What is known of a deployed version. */
export interface VersionEvidence {
  modelId: string;
  version: string;
  thresholds: { errorRate: number; latencyMs: number };
  calls: CallEvidence;
  breaker: BreakerEvidence | undefined;
  /** undefined: not looked at now. */
  drift: DriftEvidence | undefined;
}

/** What is known of a model that has a route. */
export interface RouteEvidence {
  modelId: string;
  traffic: TrafficEvidence | undefined;
  assignments: Assignments | undefined;
}

/** All that the rules judge in one evaluation; plain data, which passes from thread to thread. */
export interface Evidence {
  versions: VersionEvidence[];
  routes: RouteEvidence[];
  /** To be written with what follows from it. */
  driftEvaluations: DriftEvaluation[];
  /** Reports that could not be made, and why. */
  failures: string[];
}

/**
 * Reads everything that is known of what is deployed. Takes a while and much memory where much is logged: not for the
 * thread that answers calls.
 * @param clock tells how long a drift report takes.
 */
export async function gatherEvidence(
  database: Database,
  request: EvidenceRequest,
  clock: () => number,
): Promise<Evidence> {
  const { now, thresholds } = request;
  const deployments = await readDeployments(database);
  const calls = await readCallEvidence(database, now);
  const drift = await evaluateDrift(
    { database, clock },
    deployments.map(({ modelId, version }) => ({ modelId, version })),
    now,
    request.driftThreshold,
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
  for (const route of await readRoutes(database)) {
    const breakers = deployments.filter(({ modelId }) => modelId === route.modelId);
    routes.push({
      modelId: route.modelId,
      traffic: await readTraffic(
        database,
        route.modelId,
        now,
        breakers.some(({ breaker }) => breaker !== undefined && breaker.reopensAt !== null),
      ),
      assignments: await readAssignments(
        database,
        route,
        now,
        Math.max(0, ...breakers.map(({ breaker }) => breaker?.lastTrippedAt ?? 0)),
      ),
    });
  }
  return { versions, routes, driftEvaluations: drift.evaluations, failures: drift.failures };
}

interface DeployedVersion {
  modelId: string;
  version: string;
  errorThreshold: number | null;
  latencyThresholdMs: number | null;
  breaker: Omit<BreakerEvidence, 'recentErrors'> | undefined;
}

async function readDeployments(database: Database): Promise<DeployedVersion[]> {
  const rows = await database
    .selectFrom('deployments')
    .leftJoin('routes', 'routes.model_id', 'deployments.model_id')
    .leftJoin('breakers', (join) =>
      join
        .onRef('breakers.model_id', '=', 'deployments.model_id')
        .onRef('breakers.version', '=', 'deployments.version'),
    )
    .select([
      'deployments.model_id',
      'deployments.version',
      'deployments.error_threshold',
      'deployments.latency_threshold_ms',
      'routes.weights',
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
            weight: row.weights === null ? 0 : (new Map(parseWeights(row.weights)).get(row.version) ?? 0),
          },
  }));
}

async function readRoutes(database: Database) {
  const rows = await database
    .selectFrom('routes')
    .select(['model_id', 'weights', 'sticky', 'changed_at'])
    .orderBy('model_id')
    .execute();
  return rows.map((row) => ({
    modelId: row.model_id,
    weights: new Map(parseWeights(row.weights)),
    sticky: row.sticky === 1,
    changedAt: row.changed_at,
  }));
}
