import { openAccess } from './access/access.ts';
import { openPredictionLog } from './prediction_log/prediction_log.ts';
import type { Register } from './registry/registration.ts';
import type { HostAhead } from './serving/engine/host_ahead.ts';
import { openServing } from './serving/serving.ts';
import { openSessions } from './sessions/sessions.ts';
import type { Settings } from './settings.ts';
import { openStore } from './storage/store.ts';
import type { Logger } from './telemetry/logger.ts';
import { openUploads } from './uploads/uploads.ts';

/** How long a report on many calls waits for the last of them while others write, milliseconds. */
const reportPatienceMs = 500;

export type Services = Awaited<ReturnType<typeof openServices>>;

/**
 * Joins the rooms: each opens itself, and takes what it needs of the others from here.
 * @param hostAhead a host that was started already; ended with the services
 * @param hostStarts called when the host of the version that was called last has begun to start, where there is one
 * @param warms whether that version is loaded at once: not in a process that answers one call and ends
 * @throws STORAGE_UNAVAILABLE when the database cannot be opened.
 */
export async function openServices(
  settings: Settings,
  logger: Logger,
  {
    hostAhead,
    hostStarts = () => undefined,
    warms = true,
  }: { hostAhead?: HostAhead | undefined; hostStarts?: () => void; warms?: boolean } = {},
) {
  const clock = Date.now;
  const random = Math.random;
  const startedAt = clock();
  const store = await openStore(settings, { logger, clock });
  const { database, artifacts, address, storeId } = store;
  const { approvals, audit, tokens } = openAccess(settings, { database, clock, logger });
  const log = openPredictionLog({
    database,
    ...address,
    requireIntact: store.requireIntact,
    logger,
    retention: { maxAgeMs: settings.logRetentionMs, maxBytes: settings.logMaxBytes },
    exclude: settings.logExcludedFeatures,
  });
  const uploads = openUploads({
    database,
    directory: settings.directory,
    maxBytes: settings.maxUploadBytes,
    clock,
  });
  const files = {
    allowedRoots: settings.allowedRoots,
    openUpload: uploads.open,
    createUpload: uploads.create,
  };
  const flushLog = () => log.flushForReading(reportPatienceMs);
  // The registry is opened last, for it needs the hosts of serving to look into files: those that call it do so later.
  const register: Register = (...registration) => registry.register(...registration);
  const serving = openServing(settings, {
    database,
    storeId,
    artifacts,
    log,
    flushLog,
    files,
    approvals,
    register,
    logger,
    clock,
    random,
    hostAhead,
    warms,
  });
  await serving.warming;
  hostStarts();
  const {
    openBacktest,
    openLivePerformance,
    openMlflow,
    openMonitoring,
    openOverview,
    openRegistry,
    openRollouts,
  } = await import('./later_rooms.ts');
  const livePerformance = openLivePerformance(settings, { database, address, flushLog, clock });
  const mlflow = openMlflow(settings, {
    database,
    artifacts,
    register,
    measureOutcomes: livePerformance.measureOutcomes,
    abTests: { list: livePerformance.abTests, compare: livePerformance.compareAbTest },
    logger,
    clock,
    random,
  });
  const monitoring = await openMonitoring(settings, {
    store,
    files,
    log,
    serving,
    livePerformance,
    driftMeasured: mlflow.driftMeasured,
    logger,
    clock,
    random,
  });
  const backtest = openBacktest(settings, { database, address, artifacts, files, flushLog, clock });
  const { inspector, deployer, served, probeFailure, shadowAgreement } = serving;
  const registry = openRegistry({
    database,
    artifacts,
    files,
    approvals,
    withFile: mlflow.withFile,
    inspector,
    deployer,
    served,
    evidence: {
      probeFailure,
      shadowAgreement,
      criticalDrift: monitoring.criticalDrift,
      backtest: backtest.forGate,
    },
    livePerformance: livePerformance.ofVersions,
    flushLog,
    clock,
  });

  const rollouts = openRollouts(settings, {
    database,
    approvals,
    livePerformance,
    readWindow: log.readWindow,
    backtest: backtest.run,
    flushLog: log.flush,
    setTraffic: serving.setTraffic,
    promote: registry.promote,
    prepare: deployer.prepare,
    logger,
    clock,
  });

  const { standings, latestMeasurements, storeHealth: checks } = monitoring;
  const overview = openOverview({ database, standings, latestMeasurements, checks, clock });

  return {
    settings,
    startedAt,
    store: { kind: store.kind, requireIntact: store.requireIntact },
    access: { approvals, audit, tokens },
    uploads,
    log,
    registry,
    serving,
    monitoring,
    backtest,
    mlflow,
    rollouts,
    sessions: openSessions({ database, clock }),
    overview,
    async close(): Promise<void> {
      store.hurry();
      serving.stopProbes();
      await Promise.all([mlflow.close(), monitoring.close(), backtest.close(), rollouts.close()]);
      await serving.close();
      await log.close();
      await store.close();
    },
  };
}
