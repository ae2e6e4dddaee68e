import { statfs } from 'node:fs/promises';
import { sql } from 'kysely';
import { requireModel } from '../registry/lookup.ts';
import { type BreakerState, breakerState } from '../serving/breaker.ts';
import { totalAgreement } from '../serving/describe_traffic.ts';
import { parseWeights } from '../serving/served_models.ts';
import type { Database } from '../storage/database.ts';
import { readAlertHealth } from './alerts/alert_health.ts';
import type { Allowance, ArtifactState, ArtifactWatch } from './artifact_watch.ts';
import { readFindings, type StreamFinding } from './online/index.ts';
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
  /** Its share of the model's calls. */
  weight: number;
  breaker: { state: BreakerState; trips: number; reopensAt: number | null };
  /** As the model's shadow: the share of rows whose value agrees with the answer given; null without any. */
  shadowAgreement: number | null;
  statistics: ServingStatistics | undefined;
  /** Changes of its errors and latency that detectors found in the last day, newest first. */
  changes: StreamFinding[];
}

/** What health needs to know of the engine in this process. */
export interface EngineState {
  state: 'not_loaded' | 'loading' | 'ready';
  hosts: number;
  waiting: number;
  runningMs: number | undefined;
}

export interface HealthDependencies {
  database: Database;
  directory: string;
  flushLog: () => Promise<void>;
  engineStatus: (modelId: string, version: string) => EngineState;
  artifacts: Pick<ArtifactWatch, 'look' | 'report'>;
  thresholds: { errorRate: number; latencyMs: number };
  clock: () => number;
}

/**
 * The health of the store and of every deployed version (of one model, when named).
 * @throws MODEL_NOT_FOUND
 */
export async function readHealth(
  dependencies: HealthDependencies,
  modelId: string | undefined,
): Promise<{ status: HealthStatus; checks: HealthCheck[]; models: ModelHealth[] }> {
  const store = await checkDatabase(dependencies);
  const checks = [store, await checkDisk(dependencies.directory)];
  const allowance = { bytes: hashedAtOnce };
  const models = store.status === 'healthy' ? await checkModels(dependencies, modelId, allowance) : [];
  if (store.status === 'healthy') checks.push(await checkArtifacts(dependencies, allowance));
  if (store.status === 'healthy')
    checks.push({ name: 'alerts', ...(await readAlertHealth(dependencies.database, modelId)) });
  const judged = [...checks, ...models].map(({ status }) => status);
  const status =
    modelId !== undefined && models.length > 0 && models.every((model) => model.status === 'unknown');
  return { status: status ? 'unknown' : worst(judged), checks, models };
}

/** How much of artifacts that changed or are new is hashed while the caller waits, bytes: some milliseconds. */
const hashedAtOnce = 8e6;

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

/** How long a change of errors or latency is shown, milliseconds. */
const changesMs = 24 * 3_600_000;

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

const shownFaults = 5;

async function checkArtifacts({ artifacts }: HealthDependencies, allowance: Allowance): Promise<HealthCheck> {
  const { total, verified, faults } = await artifacts.report(allowance);
  const name = 'artifacts';
  if (faults.length === 0)
    return {
      name,
      status: 'healthy',
      detail: `${total}, of which ${verified} were verified by this server; the others are, one after the other`,
    };
  const shown = faults
    .slice(0, shownFaults)
    .map(({ state, versions }) => `${versions.join(' and ')} (${state})`);
  if (faults.length > shownFaults) shown.push('…');
  return {
    name,
    status: 'degraded',
    detail: `${faults.length} of ${total} are damaged or missing: ${shown.join(', ')}. Register the same file again to put the good bytes back; until then they are not loaded.`,
  };
}

async function checkModels(
  dependencies: HealthDependencies,
  modelId: string | undefined,
  allowance: Allowance,
): Promise<ModelHealth[]> {
  const { database, clock, thresholds } = dependencies;
  if (modelId !== undefined) await requireModel(database, modelId);
  let query = database
    .selectFrom('deployments')
    .innerJoin('versions', (join) =>
      join
        .onRef('versions.model_id', '=', 'deployments.model_id')
        .onRef('versions.version', '=', 'deployments.version'),
    )
    .leftJoin('routes', 'routes.model_id', 'deployments.model_id')
    .leftJoin('breakers', (join) =>
      join
        .onRef('breakers.model_id', '=', 'deployments.model_id')
        .onRef('breakers.version', '=', 'deployments.version'),
    )
    .select([
      'versions.model_id',
      'versions.version',
      'versions.stage',
      'versions.artifact_sha256',
      'versions.artifact_bytes',
      'deployments.deployed_at',
      'deployments.error_threshold',
      'deployments.latency_threshold_ms',
      'deployments.probe_failure',
      'routes.active_version',
      'routes.weights',
      'routes.shadow_version',
      'breakers.reopens_at',
      'breakers.open_ms',
      'breakers.trips',
    ]);
  if (modelId !== undefined) query = query.where('deployments.model_id', '=', modelId);
  const now = clock();
  const statistics = await readServingStatistics(database, modelId, now);
  const findings = await readFindings(database, { modelId, since: now - changesMs });
  const rows = await query.orderBy('deployments.deployed_at', 'desc').execute();
  return Promise.all(
    rows.map(async (row) => {
      const { model_id, version } = row;
      const own = statistics.get(`${model_id}@${version}`);
      const reopensAt = row.reopens_at ?? undefined;
      const breaker = breakerState({ reopensAt, openMs: row.open_ms ?? 0 }, now);
      const judged = judgeModel({
        engine: dependencies.engineStatus(model_id, version),
        statistics: own,
        artifact: await dependencies.artifacts.look(
          { sha256: row.artifact_sha256, bytes: row.artifact_bytes },
          allowance,
        ),
        breaker,
        probeFailure: row.probe_failure,
        thresholds: {
          errorRate: row.error_threshold ?? thresholds.errorRate,
          latencyMs: row.latency_threshold_ms ?? thresholds.latencyMs,
        },
      });
      const weights = row.weights === null ? [] : parseWeights(row.weights);
      return {
        modelId: model_id,
        version,
        stage: row.stage,
        active: row.active_version === version,
        weight: weights.find(([name]) => name === version)?.[1] ?? 0,
        deployedAt: row.deployed_at,
        breaker: { state: breaker, trips: row.trips ?? 0, reopensAt: reopensAt ?? null },
        shadowAgreement:
          row.shadow_version === version
            ? (await totalAgreement(database, model_id, version)).agreement
            : null,
        statistics: own,
        changes: findings.filter((found) => found.modelId === model_id && found.version === version),
        ...judged,
      };
    }),
  );
}

/** What a version is judged by. */
export interface ModelSigns {
  engine: EngineState;
  statistics: ServingStatistics | undefined;
  artifact: ArtifactState;
  breaker: BreakerState;
  /** Why its probe failed when it last ran; null when it passed or there is none. */
  probeFailure: string | null;
  thresholds: { errorRate: number; latencyMs: number };
}

/** How well a version does, from what is known of it: the engine here, and all processes' calls of the last hour. */
export function judgeModel(signs: ModelSigns): { status: HealthStatus; detail: string } {
  const { engine, statistics, thresholds } = signs;
  const unhealthy = (detail: string) => ({ status: 'unhealthy' as const, detail });
  const degraded = (detail: string) => ({ status: 'degraded' as const, detail });
  if (signs.artifact === 'missing' || signs.artifact === 'damaged')
    return unhealthy(
      `its artifact is ${signs.artifact}: register the same file again. ${
        engine.state === 'ready'
          ? 'It goes on answering from memory in this process, and cannot be loaded again'
          : 'It is not served until then'
      }`,
    );
  if (signs.breaker === 'open') return unhealthy('its circuit breaker is open');
  if (signs.probeFailure !== null) return unhealthy(`its probe failed: ${signs.probeFailure}`);
  const recent = statistics?.recent;
  const calls = recent?.calls ?? 0;
  const errorRate = calls === 0 ? 0 : (recent?.errors ?? 0) / calls;
  const share = `${(errorRate * 100).toFixed(1)} % of ${calls} calls failed in the last hour`;
  if (errorRate >= 0.5 && errorRate > thresholds.errorRate) return unhealthy(share);
  if (errorRate > thresholds.errorRate) return degraded(share);
  if (signs.breaker === 'half_open')
    return degraded('its circuit breaker is half-open: the next calls decide');
  if (signs.artifact === 'changed')
    return degraded('the file of its artifact was touched and is being verified');
  const p95 = recent?.latencyMs.p95 ?? 0;
  if (p95 > thresholds.latencyMs)
    return degraded(`p95 latency ${p95} ms is above ${thresholds.latencyMs} ms`);
  if (engine.runningMs !== undefined && engine.runningMs > thresholds.latencyMs)
    return degraded(
      `a run has taken ${Math.round(engine.runningMs)} ms so far, ${engine.waiting} calls wait`,
    );
  if (engine.state === 'loading') return { status: 'unknown', detail: 'loading' };
  if (engine.state === 'ready')
    return {
      status: 'healthy',
      detail: `loaded and warm in ${engine.hosts} process${engine.hosts === 1 ? '' : 'es'}; ${calls} calls in the last hour`,
    };
  if (calls > 0)
    return { status: 'healthy', detail: `${share}; not loaded in this process, loads with its next call` };
  return {
    status: 'unknown',
    detail: 'not called in the last hour and not loaded in this process; loads with its next call',
  };
}
