import { join } from 'node:path';
import type { Approvals, Call } from '../access/approval.ts';
import type { Origin } from '../access/origin.ts';
import { may } from '../access/roles.ts';
import { embeddedEngine } from '../engine_settings.ts';
import type { ReadableFiles } from '../files/file_access.ts';
import { findVersionName } from '../registry/lookup.ts';
import type { Register } from '../registry/registration.ts';
import type { Deployer } from '../registry/stage_change.ts';
import type { VersionRecord } from '../registry/version_record.ts';
import type { Settings } from '../settings.ts';
import type { ArtifactStore } from '../storage/artifact_store.ts';
import type { Database } from '../storage/database.ts';
import type { Logger } from '../telemetry/logger.ts';
import { createBreakers } from './breakers.ts';
import type { CallerIds } from './caller_ids.ts';
import type { JsonRecord } from './codec/records.ts';
import { type Deployment, deployVersion, prepareVersion, storedProbeFailure } from './deploy.ts';
import { isDeployedOn } from './deployed_rows.ts';
import { engineKey, engineModel } from './deployed_version.ts';
import { describeTraffic, totalAgreement } from './describe_traffic.ts';
import { type LogRequest, logPredictions } from './elsewhere/log_predictions.ts';
import { createEngine, type EngineModel } from './engine/engine.ts';
import type { HostAhead } from './engine/host_ahead.ts';
import { engineHealth } from './engine_health.ts';
import { joinEngines } from './engines.ts';
import { createFilePredictor, type FileDependencies } from './file/predict_file.ts';
import { type CallObserver, observed } from './observed_calls.ts';
import { predict } from './predict.ts';
import type { BlockLog, PredictionSink } from './prediction_sink.ts';
import { startProbeRounds } from './probe_rounds.ts';
import type { Progress } from './registered_version.ts';
import { openPlacements } from './remote/placements.ts';
import { createRemoteEngine } from './remote/remote_engine.ts';
import { type Retirement, retireVersion } from './retire_version.ts';
import { scoreRecords } from './score_version.ts';
import { servedModels } from './served_models.ts';
import { listServed, servedStatus } from './served_status.ts';
import { setTraffic, type TrafficRequest } from './set_traffic.ts';
import { readDeployment } from './stored_deployment.ts';
import { storedInput } from './stored_input.ts';
import { activateVersion } from './stored_route.ts';
import { warmLastUsed } from './warm_last_used.ts';

export interface ServingDependencies {
  database: Database;
  storeId: string;
  artifacts: ArtifactStore;
  /** Where predictions are logged, and what callers' own ids were used for. */
  log: PredictionSink & BlockLog & { callerIds: CallerIds };
  /** Brings every prediction that was answered into the database, if that is soon done. */
  flushLog: () => Promise<unknown>;
  approvals: Approvals;
  /** Where files that callers name are read from, and results that they name in the store are written. */
  files: ReadableFiles & Pick<FileDependencies, 'createUpload'>;
  /** The registry's, for a version that is deployed and not there yet. */
  register: Register;
  logger: Logger;
  clock: () => number;
  random: () => number;
  /** A host that was started already. */
  hostAhead: HostAhead | undefined;
  /** Whether the version that was called last is loaded at once. */
  warms: boolean;
}

/** What runs: the engine, who answers which call, and the changes of it. */
export function openServing(settings: Settings, dependencies: ServingDependencies) {
  const { database, artifacts, log, flushLog, approvals, register, logger, clock, random } = dependencies;
  const { directory, temporaryRoot, maxArtifactBytes } = settings;
  const inputOf = (model: EngineModel) => storedInput({ database, logger }, model);
  const embedded = createEngine({
    withFile: artifacts.withFile,
    isFetching: artifacts.isFetching,
    loadTimeoutMs: settings.loadTimeoutMs,
    runTimeoutMs: settings.predictTimeoutMs,
    threads: settings.engineThreads,
    memoryBytes: settings.engineMemoryBytes,
    ahead: dependencies.hostAhead,
    batching: settings.batching,
    maxQueue: settings.maxQueue,
    maxLoaded: settings.maxLoaded,
    idleUnloadMs: settings.idleUnloadMs,
    incoming: join(directory, 'incoming'),
    maxArtifactBytes,
    storedInput: inputOf,
  });
  const placements = openPlacements(database, clock);
  const remotes = new Map(
    settings.engines.map((one) => [
      one.name,
      createRemoteEngine(one, {
        withFile: artifacts.withFile,
        loadTimeoutMs: settings.loadTimeoutMs,
        runTimeoutMs: settings.predictTimeoutMs,
        maxQueue: settings.maxQueue,
        isWanted: (key, name) => isDeployedOn(database, key, name),
        storeId: dependencies.storeId,
        placements,
        storedInput: inputOf,
        logger,
      }),
    ]),
  );
  const engine = joinEngines(embedded, remotes);
  const served = servedModels(database, settings.latencyThresholdMs);
  const breakers = createBreakers({ database, served, clock, logger });
  const logging = { database, sink: log, callerIds: log.callerIds, clock };
  const answering = { ...logging, served, engine, breakers, random, logger };
  const files = createFilePredictor({ ...answering, ...dependencies.files, temporaryRoot, directory });
  const traffic = { database, engine, served, clock };
  const deploying = { ...traffic, register, defaultEngine: settings.defaultEngine };
  let observer: CallObserver | undefined;
  const stopProbes = startProbeRounds({
    database,
    engine,
    clock,
    logger,
    intervalMs: settings.healthCheckIntervalSec * 1000,
  });
  const warming =
    dependencies.warms && may(settings, 'PREDICT')
      ? warmLastUsed({ database, served, engine, logger, clock })
      : Promise.resolve();
  const deployer: Deployer = {
    prepare: (record, origin) => prepareVersion(deploying, record, origin),
    activate: activateVersion,
  };

  return {
    /** What the registry needs of it: to look into a file, to move stages, to judge a candidate. */
    inspector: engine,
    deployer,
    served,
    probeFailure: (record: VersionRecord) => storedProbeFailure(deploying, record),
    shadowAgreement: ({ modelId, version }: VersionRecord) => totalAgreement(database, modelId, version),

    /** What monitoring needs of it: to have rows answered, and what runs in this process. */
    async scorer(record: VersionRecord, records: readonly JsonRecord[]) {
      const { engine: on = embeddedEngine } = await readDeployment(database, record);
      return scoreRecords(engine, record, records, on);
    },
    rowsMixedBy: async (record: VersionRecord) => {
      const rows = await engine.rows(engineModel(record, undefined));
      return rows.independent ? undefined : rows.because;
    },
    engineStatus: (modelId: string, version: string) => engine.status(engineKey(modelId, version)),

    async describeTraffic(modelId: string) {
      await flushLog();
      return describeTraffic(database, modelId);
    },
    predict: observed(
      (request) => predict(answering, request),
      () => observer,
    ),
    /** Tells somebody of every call of `predict` from now on. */
    observe(hears: CallObserver) {
      observer = hears;
    },
    /** How the engines of other machines are. */
    engineHealth: () => engineHealth({ database, remotes, placements }),
    /** The hosts of every version that was loaded here, by `model@version`. */
    pools: engine.pools,
    status: (modelId: string, version: string | undefined) =>
      servedStatus({ database, served, breakers }, modelId, version),
    listServed: () => listServed(database, clock()),
    predictFile: files.predict,
    logPredictions: (request: LogRequest) =>
      logPredictions({ ...logging, ...dependencies.files, keptMs: settings.logRetentionMs }, request),
    deploy: (deployment: Deployment, call: Call, progress: Progress, signal: AbortSignal) =>
      deployVersion(deploying, deployment, call.origin, approvals.approverOf(call), progress, signal),
    setTraffic: (request: TrafficRequest, call: Call) =>
      setTraffic(traffic, request, call.origin, approvals.approverOf(call)),
    retire: (request: Retirement, call: Call) =>
      retireVersion(traffic, request, call.origin, approvals.approverOf(call)),
    resetBreaker: async (modelId: string, version: string, origin: Origin) => {
      const found = await findVersionName(database, modelId, version);
      const result = await breakers.reset(modelId, found, origin);
      return { ...result, version: found };
    },

    /** Resolves when the host of the version that was called last has begun to start, or there is none. */
    warming,
    stopProbes,
    /** Stops what is under way and ends the hosts. */
    async close(): Promise<void> {
      stopProbes();
      await files.close();
      engine.close();
    },
  };
}
