import { statfs } from 'node:fs/promises';
import { sql } from 'kysely';
import type { Artifact } from '../storage/artifact_store.ts';
import type { Database } from '../storage/database.ts';
import { readServingStatistics, type ServingStatistics } from './serving_statistics.ts';

export const healthStatuses = ['healthy', 'degraded', 'unhealthy', 'unknown'] as const;
export type HealthStatus = (typeof healthStatuses)[number];

export interface HealthCheck {
  name: string;
  status: HealthStatus;
  detail: string;
}

export interface ModelHealth {
  modelId: string;
  version: string;
  stage: string;
  active: boolean;
  status: HealthStatus;
  detail: string;
  deployedAt: number;
  statistics: ServingStatistics | undefined;
}

/** What health needs to know of the engine in this process. */
export interface EngineState {
  state: 'not_loaded' | 'loading' | 'ready';
  waiting: number;
  runningMs: number | undefined;
}

export interface HealthDependencies {
  database: Database;
  directory: string;
  flushLog: () => Promise<void>;
  engineStatus: (modelId: string, version: string) => EngineState;
  isPresent: (artifact: Artifact) => Promise<boolean>;
  thresholds: { errorRate: number; latencyMs: number };
  clock: () => number;
}

/** The health of the store and of every deployed version (of one model, when named). */
export async function readHealth(
  dependencies: HealthDependencies,
  modelId: string | undefined,
): Promise<{ status: HealthStatus; checks: HealthCheck[]; models: ModelHealth[] }> {
  const store = await checkDatabase(dependencies);
  const checks = [store, await checkDisk(dependencies.directory)];
  const models = store.status === 'healthy' ? await checkModels(dependencies, modelId) : [];
  const judged = [...checks, ...models].map(({ status }) => status);
  const status =
    modelId !== undefined && models.length > 0 && models.every((model) => model.status === 'unknown');
  return { status: status ? 'unknown' : worst(judged), checks, models };
}

/** A model at rest is unknown, not ill: it does not make the whole worse. */
function worst(statuses: readonly HealthStatus[]): HealthStatus {
  if (statuses.includes('unhealthy')) return 'unhealthy';
  return statuses.includes('degraded') ? 'degraded' : 'healthy';
}

async function checkDatabase({ database, flushLog }: HealthDependencies): Promise<HealthCheck> {
  const name = 'database';
  const started = performance.now();
  try {
    await sql`select 1`.execute(database);
    await flushLog();
    return { name, status: 'healthy', detail: `answered in ${(performance.now() - started).toFixed(1)} ms` };
  } catch {
    return {
      name,
      status: 'unhealthy',
      detail: 'does not answer; predictions of loaded models wait in the journal',
    };
  }
}

const lowDiskBytes = 500e6;

async function checkDisk(directory: string): Promise<HealthCheck> {
  const name = 'disk';
  try {
    const { bavail, bsize } = await statfs(directory);
    const free = bavail * bsize;
    return {
      name,
      status: free < lowDiskBytes ? 'degraded' : 'healthy',
      detail: `${(free / 1e9).toFixed(1)} GB free`,
    };
  } catch {
    return { name, status: 'unhealthy', detail: 'the registry directory cannot be read' };
  }
}

async function checkModels(
  dependencies: HealthDependencies,
  modelId: string | undefined,
): Promise<ModelHealth[]> {
  const { database, clock, thresholds } = dependencies;
  let query = database
    .selectFrom('deployments')
    .innerJoin('versions', (join) =>
      join
        .onRef('versions.model_id', '=', 'deployments.model_id')
        .onRef('versions.version', '=', 'deployments.version'),
    )
    .leftJoin('routes', 'routes.model_id', 'deployments.model_id')
    .select([
      'versions.model_id',
      'versions.version',
      'versions.stage',
      'versions.artifact_sha256',
      'versions.artifact_bytes',
      'deployments.deployed_at',
      'deployments.error_threshold',
      'deployments.latency_threshold_ms',
      'routes.active_version',
    ]);
  if (modelId !== undefined) query = query.where('deployments.model_id', '=', modelId);
  const statistics = await readServingStatistics(database, modelId, clock());
  return Promise.all(
    (await query.orderBy('deployments.deployed_at', 'desc').execute()).map(async (row) => {
      const own = statistics.get(`${row.model_id}@${row.version}`);
      const present = await dependencies.isPresent({
        sha256: row.artifact_sha256,
        bytes: row.artifact_bytes,
      });
      const judged = judgeModel(dependencies.engineStatus(row.model_id, row.version), own, present, {
        errorRate: row.error_threshold ?? thresholds.errorRate,
        latencyMs: row.latency_threshold_ms ?? thresholds.latencyMs,
      });
      return {
        modelId: row.model_id,
        version: row.version,
        stage: row.stage,
        active: row.active_version === row.version,
        deployedAt: row.deployed_at,
        statistics: own,
        ...judged,
      };
    }),
  );
}

/** How well a version does, from what is known of it: the engine here, and all processes' calls of the last hour. */
export function judgeModel(
  engine: EngineState,
  statistics: ServingStatistics | undefined,
  artifactPresent: boolean,
  thresholds: { errorRate: number; latencyMs: number },
): { status: HealthStatus; detail: string } {
  if (!artifactPresent) return { status: 'unhealthy', detail: 'its artifact is missing or has another size' };
  const recent = statistics?.recent;
  const calls = recent?.calls ?? 0;
  const errorRate = calls === 0 ? 0 : (recent?.errors ?? 0) / calls;
  const share = `${(errorRate * 100).toFixed(1)} % of ${calls} calls failed in the last hour`;
  if (errorRate >= 0.5 && errorRate > thresholds.errorRate) return { status: 'unhealthy', detail: share };
  if (errorRate > thresholds.errorRate) return { status: 'degraded', detail: share };
  const p95 = recent?.latencyMs.p95 ?? 0;
  if (p95 > thresholds.latencyMs)
    return { status: 'degraded', detail: `p95 latency ${p95} ms is above ${thresholds.latencyMs} ms` };
  if (engine.runningMs !== undefined && engine.runningMs > thresholds.latencyMs)
    return {
      status: 'degraded',
      detail: `a run has taken ${Math.round(engine.runningMs)} ms so far, ${engine.waiting} calls wait`,
    };
  if (engine.state === 'loading') return { status: 'unknown', detail: 'loading' };
  if (engine.state === 'ready')
    return { status: 'healthy', detail: `loaded and warm; ${calls} calls in the last hour` };
  if (calls > 0)
    return { status: 'healthy', detail: `${share}; not loaded in this process, loads with its next call` };
  return {
    status: 'unknown',
    detail: 'not called in the last hour and not loaded in this process; loads with its next call',
  };
}
