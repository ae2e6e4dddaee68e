import type { Settings } from '../../settings.ts';
import type { Database, DatabaseAddress } from '../../storage/database.ts';
import type { Logger } from '../../telemetry/logger.ts';
import { createAlertWatch, startAlertWatch } from './alert_watch.ts';
import type { EvaluationDependencies } from './evaluate_alerts.ts';
import { createEvidenceGatherer } from './evidence_gatherer.ts';

export interface AlertNeeds
  extends Pick<EvaluationDependencies, 'flushLog' | 'performanceEvidence' | 'driftEvaluated'> {
  database: Database;
  address: DatabaseAddress;
  logger: Logger;
  clock: () => number;
  random: () => number;
}

/** Starts this process's part in the watch. @throws STORAGE_UNAVAILABLE */
export async function openAlerts(settings: Settings, { address, ...needs }: AlertNeeds) {
  const intervalMs = settings.healthCheckIntervalSec * 1000;
  const evidence = createEvidenceGatherer(address);
  const watch = await createAlertWatch({
    ...needs,
    intervalMs,
    gather: evidence.gather,
    thresholds: {
      errorRate: settings.errorRateThreshold,
      latencyMs: settings.latencyThresholdMs,
      drift: settings.driftThreshold,
      missing: settings.missingThreshold,
      performance: settings.performanceThreshold,
    },
    webhook: settings.alertWebhook,
  });
  const started = startAlertWatch(watch, intervalMs);
  return {
    subscribe: started.subscribe,
    async close(): Promise<void> {
      await Promise.all([started.close(), evidence.close()]);
    },
  };
}
