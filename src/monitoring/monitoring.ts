import type { Origin } from '../access/origin.ts';
import { type Caller, may } from '../access/roles.ts';
import type { ReadableFiles } from '../files/file_access.ts';
import type { WindowReader } from '../prediction_log/window_reader.ts';
import type { VersionRecord } from '../registry/version_record.ts';
import type { Settings } from '../settings.ts';
import type { ArtifactStore } from '../storage/artifact_store.ts';
import type { Database, DatabaseAddress } from '../storage/database.ts';
import type { Logger } from '../telemetry/logger.ts';
import {
  type Acknowledgement,
  type AlertQuery,
  acknowledgeAlert,
  listAlerts,
  openAlerts,
} from './alerts/index.ts';
import { criticalDrift, type DriftRequest, detectDrift, driftedFeatures } from './drift/index.ts';
import { type HealthDependencies, readHealth, readModelsHealth, readStoreHealth } from './health/health.ts';
import { openHealth } from './health/open_health.ts';
import {
  keepLatest,
  keptDrift,
  type LatestMeasurements,
  type Measurement,
  readLatest,
} from './latest/latest_measurements.ts';
import { type LivePerformance, type PerformanceRequest, readPerformance } from './live_performance/index.ts';
import type { GivenOutcomes } from './outcomes/given_outcomes.ts';
import { recordOutcomes } from './outcomes/record_outcomes.ts';
import { type ReferenceRequest, setReference } from './reference/set_reference_data.ts';
import type { Scoring } from './rows/score_rows.ts';

export interface MonitoringDependencies {
  store: {
    database: Database;
    artifacts: ArtifactStore;
    address: DatabaseAddress;
    /** What has become of the database's file; undefined while all is well. */
    fault: () => string | undefined;
  };
  /** Where files that callers name are read from. */
  files: ReadableFiles;
  /** The prediction log. */
  log: {
    flush: () => Promise<void>;
    flushForReading: () => Promise<string[]>;
    readWindow: WindowReader;
  };
  serving: Scoring & { engineStatus: HealthDependencies['engineStatus'] };
  livePerformance: LivePerformance;
  /** Hears of every version whose features were compared. */
  driftMeasured: (modelId: string, version: string, features: { checked: number; drifted: number }) => void;
  logger: Logger;
  clock: () => number;
  random: () => number;
}

/** What happened: drift, outcomes, performance, alerts, health. @throws STORAGE_UNAVAILABLE */
export async function openMonitoring(settings: Settings, dependencies: MonitoringDependencies) {
  const { store, files, log, serving, livePerformance, driftMeasured, logger, clock, random } = dependencies;
  const { database, artifacts, address, fault: storeFault } = store;
  const { driftThreshold: significance, missingThreshold } = settings;
  const comparing = {
    database,
    flushLog: log.flushForReading,
    readWindow: log.readWindow,
    scorer: serving.scorer,
    rowsMixedBy: serving.rowsMixedBy,
    ...files,
    clock,
  };
  const keep = (measurement: Measurement) => {
    keepLatest(database, measurement).catch((error: unknown) =>
      logger.warn('what was measured could not be kept', { model_id: measurement.modelId, error }),
    );
  };
  const alerts = await openAlerts(settings, {
    database,
    address,
    flushLog: log.flush,
    performanceEvidence: livePerformance.evidence((modelId, version, facts) =>
      keep({ modelId, version, at: clock(), kind: 'performance', facts }),
    ),
    driftEvaluated({ modelId, version, evaluatedAt: at, report }) {
      if (report === undefined) return;
      const { checked, drifted } = report;
      driftMeasured(modelId, version, { checked, drifted });
      keep({ modelId, version, at, kind: 'drift', facts: keptDrift(report) });
    },
    logger,
    clock,
    random,
  });
  const health = openHealth(settings, {
    database,
    artifacts,
    storeFault,
    flushLog: log.flush,
    engineStatus: serving.engineStatus,
    logger,
    clock,
  });

  return {
    setReference: (request: ReferenceRequest, origin: Origin) => setReference(comparing, request, origin),
    async detectDrift(request: DriftRequest, caller: Caller) {
      const report = await detectDrift(comparing, request);
      // Who may change nothing here changes nothing elsewhere either.
      if (!may(caller, 'WRITE')) return report;
      const { modelId, version, signature } = report.record;
      driftMeasured(modelId, version, driftedFeatures(report.results, signature.features));
      return report;
    },
    /** For the gates of a promotion. @throws NO_REFERENCE, NOT_ENOUGH_DATA */
    criticalDrift: (record: VersionRecord) =>
      criticalDrift(comparing, record, { significance, missingThreshold }),
    recordOutcomes: (modelId: string, given: GivenOutcomes, origin: Origin) =>
      recordOutcomes({ database, flushLog: log.flush, ...files, clock }, modelId, given, origin),
    performance: (request: PerformanceRequest) => readPerformance(livePerformance.measuring, request),
    /** @throws MODEL_NOT_FOUND */
    health: (modelId: string | undefined) => readHealth(health.reading, modelId),
    /** What is deployed of some models: its health, and what was measured of it last, by `model@version`. */
    async standings(modelIds: readonly string[]) {
      if (modelIds.length === 0) return { versions: [], latest: new Map<string, LatestMeasurements>() };
      const versions = await readModelsHealth(health.reading, modelIds);
      return { versions, latest: await readLatest(database, modelIds) };
    },
    /** Of the store: database, disk, installation, artifacts. */
    storeHealth: () => readStoreHealth(health.reading),
    latestMeasurements: (modelIds: readonly string[]) => readLatest(database, modelIds),
    listAlerts: (query: AlertQuery) => listAlerts(database, query),
    acknowledgeAlert: (acknowledgement: Acknowledgement, origin: Origin) =>
      acknowledgeAlert({ database, clock }, acknowledgement, origin),
    /** Tells of every alert from now on, whichever process found it. */
    subscribeToAlerts: alerts.subscribe,
    /** Stops the rounds, and waits for what is being evaluated. */
    async close(): Promise<void> {
      health.stop();
      await alerts.close();
    },
  };
}
