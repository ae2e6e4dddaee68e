import { mkdirSync, rmSync } from 'node:fs';
import type { Caller } from './access/roles.ts';
import { readHealth } from './monitoring/health.ts';
import { openPredictionLog } from './monitoring/log/prediction_log.ts';
import { type DriftRequest, detectDrift, type ReferenceRequest, setReference } from './monitoring/monitor.ts';
import { describeModel } from './registry/describe.ts';
import { type Promotion, promoteVersion } from './registry/promote.ts';
import { type Registration, registerVersion } from './registry/register.ts';
import { searchVersions, type VersionSearch } from './registry/search.ts';
import type { Stage } from './registry/stages.ts';
import { type Deployment, deployVersion, type Progress, prepareVersion } from './serving/deploy.ts';
import { createEngine } from './serving/engine/engine.ts';
import { type PredictRequest, predict, scoreRecords } from './serving/predict.ts';
import { servedModels } from './serving/served_models.ts';
import type { Settings } from './settings.ts';
import { artifactStore } from './storage/artifact_store.ts';
import { openDatabase } from './storage/database.ts';
import type { Logger } from './telemetry/logger.ts';

export type Services = Awaited<ReturnType<typeof openServices>>;

/**
 * Wires the services: the only place that knows all of them.
 * @throws STORAGE_UNAVAILABLE when the database cannot be opened.
 */
export async function openServices(settings: Settings, logger: Logger) {
  const clock = Date.now;
  const startedAt = clock();
  const { directory, allowedRoots } = settings;
  mkdirSync(directory, { recursive: true });
  const {
    database,
    kind,
    close: closeDatabase,
  } = await openDatabase({ directory, databaseUrl: settings.databaseUrl });
  const artifacts = artifactStore(directory, settings.maxArtifactBytes);
  const engine = createEngine({
    pathOf: artifacts.pathOf,
    loadTimeoutMs: settings.loadTimeoutMs,
    runTimeoutMs: settings.predictTimeoutMs,
    threads: settings.engineThreads,
  });
  const log = openPredictionLog({ database, directory, logger });
  const served = servedModels(database);

  const register = (registration: Registration, by: string, signal?: AbortSignal) =>
    registerVersion(
      { database, artifacts, inspector: engine, allowedRoots, clock },
      registration,
      by,
      signal,
    );
  const deploying = { database, engine, served, register, clock };
  const monitoring = {
    database,
    flushLog: log.flush,
    scorer: scoreRecords.bind(undefined, engine),
    allowedRoots,
    clock,
  };

  return {
    settings,
    startedAt,
    storeKind: kind,
    registry: {
      register,
      promote: (promotion: Promotion, caller: Caller) =>
        promoteVersion(
          {
            database,
            artifacts,
            clock,
            deployer: {
              prepare: (record, by) => prepareVersion(deploying, record, by),
              routeChanged: served.forget,
            },
          },
          promotion,
          caller,
        ),
      search: (search: VersionSearch) => searchVersions(database, search),
      describe: (
        modelId: string,
        filter: { version?: string | undefined; stage?: Stage | undefined; limit: number },
      ) => describeModel(database, modelId, filter),
    },
    serving: {
      deploy: (deployment: Deployment, by: string, progress: Progress, signal: AbortSignal) =>
        deployVersion(deploying, deployment, by, progress, signal),
      predict: (request: PredictRequest) => predict({ database, served, engine, sink: log, clock }, request),
    },
    monitoring: {
      setReference: (request: ReferenceRequest, by: string) => setReference(monitoring, request, by),
      detectDrift: (request: DriftRequest) => detectDrift(monitoring, request),
      health: (modelId: string | undefined) =>
        readHealth(
          {
            database,
            directory,
            flushLog: log.flush,
            engineStatus: (id, version) => engine.status(`${id}@${version}`),
            isPresent: artifacts.isPresent,
            thresholds: { errorRate: settings.errorRateThreshold, latencyMs: settings.latencyThresholdMs },
            clock,
          },
          modelId,
        ),
    },
    async close(): Promise<void> {
      engine.close();
      await log.close();
      await closeDatabase();
      if (settings.ephemeral) rmSync(directory, { recursive: true, force: true });
    },
  };
}
