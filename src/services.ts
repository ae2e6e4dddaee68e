import { mkdirSync } from 'node:fs';
import type { Call } from './access/approval.ts';
import { createApprovals } from './access/approvals.ts';
import { type AuditedChange, appendAudit } from './access/audit.ts';
import type { Origin } from './access/origin.ts';
import { type Caller, may } from './access/roles.ts';
import { openMlflow, type SyncRequest } from './mlflow/mlflow.ts';
import { driftMetrics, outcomeMetrics } from './mlflow/monitoring_metrics.ts';
import {
  type Acknowledgement,
  type AlertQuery,
  acknowledgeAlert,
  createAlertWatch,
  createEvidenceGatherer,
  listAlerts,
  startAlertWatch,
} from './monitoring/alerts/index.ts';
import { createArtifactWatch, startArtifactRounds } from './monitoring/artifact_watch.ts';
import { driftedFeatures } from './monitoring/drifted_features.ts';
import { readHealth } from './monitoring/health.ts';
import {
  createMeasurer,
  measureOutcomes,
  type PerformanceRequest,
  readPerformance,
  restingEvidence,
} from './monitoring/live_performance/index.ts';
import { readLivePerformance } from './monitoring/live_performance.ts';
import { listPredictions, type PredictionQuery } from './monitoring/log/list.ts';
import { openPredictionLog } from './monitoring/log/prediction_log.ts';
import { windowReader } from './monitoring/log/window_reader.ts';
import {
  criticalDrift,
  type DriftRequest,
  detectDrift,
  type ReferenceRequest,
  setReference,
} from './monitoring/monitor.ts';
import type { GivenOutcomes } from './monitoring/outcomes/given_outcomes.ts';
import { recordOutcomes } from './monitoring/outcomes/record_outcomes.ts';
import { type Comparison, compareVersions } from './registry/compare.ts';
import { type Deletion, deleteVersions } from './registry/delete.ts';
import { describeModel } from './registry/describe.ts';
import { findVersion } from './registry/lookup.ts';
import { type Promotion, promoteVersion, type StageDependencies } from './registry/promote.ts';
import { type Registration, registerVersion } from './registry/register.ts';
import { type Rollback, rollbackModel } from './registry/rollback.ts';
import { searchVersions, type VersionSearch } from './registry/search.ts';
import type { Stage } from './registry/stages.ts';
import { type ModelUpdate, updateModel } from './registry/update.ts';
import { createBreakers } from './serving/breakers.ts';
import {
  type Deployment,
  deployVersion,
  type Progress,
  prepareVersion,
  storedProbeFailure,
} from './serving/deploy.ts';
import { describeTraffic, totalAgreement } from './serving/describe_traffic.ts';
import { createEngine } from './serving/engine/engine.ts';
import { createFilePredictor } from './serving/file/predict_file.ts';
import { type PredictRequest, predict, scoreRecords } from './serving/predict.ts';
import { startProbeRounds } from './serving/probe_rounds.ts';
import { activateVersion, retireVersion, setTraffic, type TrafficRequest } from './serving/routes.ts';
import { engineKey, servedModels } from './serving/served_models.ts';
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
    memoryBytes: settings.engineMemoryBytes,
    batching: settings.batching,
    maxQueue: settings.maxQueue,
    maxLoaded: settings.maxLoaded,
    idleUnloadMs: settings.idleUnloadMs,
  });
  const log = openPredictionLog({
    database,
    databaseUrl: settings.databaseUrl,
    directory,
    logger,
    retention: { maxAgeMs: settings.logRetentionMs, maxBytes: settings.logMaxBytes },
    exclude: settings.logExcludedFeatures,
  });
  const served = servedModels(database, settings.latencyThresholdMs);
  const breakers = createBreakers({ database, clock, logger });
  const files = createFilePredictor({
    database,
    served,
    engine,
    breakers,
    sink: log,
    allowedRoots,
    directory,
    clock,
  });
  const traffic = { database, engine, served, clock };
  const stopProbes = startProbeRounds({
    database,
    engine,
    clock,
    logger,
    intervalMs: settings.healthCheckIntervalSec * 1000,
  });

  const watch = createArtifactWatch({ database, pathOf: artifacts.pathOf, clock, logger });
  const stopWatching = startArtifactRounds(watch, settings.healthCheckIntervalSec * 1000, logger);

  const measure = createMeasurer({ database, databaseUrl: settings.databaseUrl, directory });
  const mlflow = openMlflow(settings, {
    database,
    artifacts,
    logger,
    clock,
    random: Math.random,
    measureOutcomes: async (modelId, version, time) =>
      outcomeMetrics(await measureOutcomes({ database, measure }, modelId, version, time)),
  });
  const register = (
    registration: Registration,
    origin: Origin,
    signal?: AbortSignal,
    downloaded?: (receivedBytes: number, totalBytes: number) => void,
  ) =>
    mlflow.withFile(
      registration,
      (whole) =>
        registerVersion(
          { database, artifacts, inspector: engine, allowedRoots, clock },
          whole,
          origin,
          signal,
        ),
      downloaded,
      signal,
    );
  const deploying = { database, engine, served, register, clock };
  const monitoring = {
    database,
    flushLog: log.flush,
    readWindow: windowReader({ database, databaseUrl: settings.databaseUrl, directory }),
    scorer: scoreRecords.bind(undefined, engine),
    allowedRoots,
    clock,
  };
  const performance = {
    database,
    flushLog: log.flush,
    measure,
    dropThreshold: settings.performanceThreshold,
  };
  const approvals = createApprovals({
    database,
    clock,
    mode: settings.approvals,
    lastsMs: settings.approvalMs,
  });
  const intervalMs = settings.healthCheckIntervalSec * 1000;
  const evidence = createEvidenceGatherer({ directory, databaseUrl: settings.databaseUrl });
  const alerts = startAlertWatch(
    await createAlertWatch({
      database,
      logger,
      clock,
      random: Math.random,
      intervalMs,
      flushLog: log.flush,
      gather: evidence.gather,
      performanceEvidence: restingEvidence(performance, clock),
      thresholds: {
        errorRate: settings.errorRateThreshold,
        latencyMs: settings.latencyThresholdMs,
        drift: settings.driftThreshold,
        performance: settings.performanceThreshold,
      },
      webhook: settings.alertWebhook,
      driftEvaluated: ({ modelId, version, features }) => {
        if (features !== undefined) mlflow.measured(modelId, version, driftMetrics(features));
      },
    }),
    intervalMs,
  );
  const stages: StageDependencies = {
    database,
    clock,
    deployer: {
      prepare: (record, origin) => prepareVersion(deploying, record, origin),
      activate: activateVersion,
      routeChanged: served.forget,
    },
    evidence: {
      verifyArtifact: (record) => artifacts.verify(record.artifact),
      probeFailure: (record) => storedProbeFailure(deploying, record),
      shadowAgreement: (record) => totalAgreement(database, record.modelId, record.version),
      criticalDrift: (record) => criticalDrift(monitoring, record, settings.driftThreshold),
    },
  };

  return {
    settings,
    startedAt,
    storeKind: kind,
    registry: {
      register,
      promote: (promotion: Promotion, call: Call) =>
        promoteVersion(stages, promotion, call.origin, approvals.approverOf(call)),
      rollback: (rollback: Rollback, call: Call) =>
        rollbackModel(stages, rollback, call.origin, approvals.approverOf(call)),
      delete: (deletion: Deletion, call: Call) =>
        deleteVersions({ database, artifacts, clock }, deletion, call.origin, approvals.approverOf(call)),
      update: async (update: ModelUpdate, origin: Origin) => {
        const updated = await updateModel({ database, clock }, update, origin);
        served.forget(update.modelId);
        return updated;
      },
      /** @param windowMs how far back predictions are measured whose outcome is known */
      compare: async (comparison: Comparison, windowMs: number) => {
        await log.flush();
        const now = clock();
        return compareVersions(
          database,
          (versions) => readLivePerformance(performance, versions, { since: now - windowMs, now }),
          comparison,
        );
      },
      search: (search: VersionSearch) => searchVersions(database, search),
      describe: async (
        modelId: string,
        filter: { version?: string | undefined; stage?: Stage | undefined; limit: number },
      ) => {
        const [model] = await Promise.all([describeModel(database, modelId, filter), log.flush()]);
        return { ...model, traffic: await describeTraffic(database, modelId) };
      },
    },
    serving: {
      deploy: (deployment: Deployment, origin: Origin, progress: Progress, signal: AbortSignal) =>
        deployVersion(deploying, deployment, origin, progress, signal),
      predict: (request: PredictRequest) =>
        predict(
          { database, served, engine, breakers, sink: log, clock, random: Math.random, logger },
          request,
        ),
    },
    traffic: {
      set: (request: TrafficRequest, origin: Origin) => setTraffic(traffic, request, origin),
      retire: (request: { modelId: string; version: string; force: boolean }, origin: Origin) =>
        retireVersion(traffic, request, origin),
      resetBreaker: async (modelId: string, version: string, origin: Origin) => {
        const found = await findVersion(database, modelId, version);
        const result = await breakers.reset(modelId, found.version, origin);
        served.forget(modelId);
        return { ...result, version: found.version };
      },
    },
    monitoring: {
      setReference: (request: ReferenceRequest, origin: Origin) => setReference(monitoring, request, origin),
      detectDrift: async (request: DriftRequest, caller: Caller) => {
        const report = await detectDrift(monitoring, request);
        // Who may change nothing here changes nothing in MLflow either.
        if (!may(caller, 'WRITE')) return report;
        const { modelId, version, signature } = report.record;
        mlflow.measured(modelId, version, driftMetrics(driftedFeatures(report.results, signature.features)));
        return report;
      },
      listPredictions: async (query: PredictionQuery) => {
        await log.flush();
        return listPredictions(database, query);
      },
      recordOutcomes: (modelId: string, given: GivenOutcomes, origin: Origin) =>
        recordOutcomes({ database, flushLog: log.flush, allowedRoots, clock }, modelId, given, origin),
      performance: (request: PerformanceRequest) => readPerformance(performance, request),
      /** One version in a stretch of time, for others who look at how it did. */
      livePerformance: async (
        modelId: string,
        version: string,
        { since, until }: { since: number; until: number },
      ) => {
        const request = { modelId, version, since, until, byVersion: false, chart: false };
        return (await readPerformance(performance, request)).primary;
      },
      health: (modelId: string | undefined) =>
        readHealth(
          {
            database,
            directory,
            flushLog: log.flush,
            engineStatus: (id, version) => engine.status(engineKey(id, version)),
            artifacts: watch,
            thresholds: { errorRate: settings.errorRateThreshold, latencyMs: settings.latencyThresholdMs },
            clock,
          },
          modelId,
        ),
    },
    alerts: {
      list: (query: AlertQuery) => listAlerts(database, query),
      acknowledge: (acknowledgement: Acknowledgement, origin: Origin) =>
        acknowledgeAlert({ database, clock }, acknowledgement, origin),
      subscribe: alerts.subscribe,
    },
    files,
    approvals,
    mlflow: {
      sync: (request: SyncRequest, origin: Origin, progress: Progress, signal: AbortSignal) =>
        mlflow.sync(request, (pulled, aborted) => register(pulled, origin, aborted), progress, signal),
      health: mlflow.health,
    },
    audit: {
      /** Writes what was tried and not done; what is done is written by the change itself. */
      append: (origin: Origin, change: AuditedChange) =>
        database.transaction().execute((transaction) => appendAudit(transaction, origin, change, clock())),
    },
    async close(): Promise<void> {
      stopProbes();
      stopWatching();
      await mlflow.close();
      await Promise.all([alerts.close(), evidence.close()]);
      await files.close();
      engine.close();
      await log.close();
      await closeDatabase();
    },
  };
}
