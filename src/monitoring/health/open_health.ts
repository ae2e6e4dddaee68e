import type { Settings } from '../../settings.ts';
import { hashOf } from '../../storage/artifact.ts';
import type { ArtifactStore } from '../../storage/artifact_store.ts';
import type { Logger } from '../../telemetry/logger.ts';
import { createArtifactWatch, startArtifactRounds } from './artifact_watch.ts';
import type { HealthDependencies } from './health.ts';
import { createRemoteArtifactWatch } from './remote_artifact_watch.ts';

export interface HealthNeeds
  extends Pick<HealthDependencies, 'database' | 'storeFault' | 'flushLog' | 'engineStatus' | 'clock'> {
  artifacts: ArtifactStore;
  logger: Logger;
}

/** Starts checking the artifacts' bytes in rounds. */
export function openHealth(settings: Settings, { artifacts, logger, ...needs }: HealthNeeds) {
  const { database, clock } = needs;
  const watch =
    artifacts.remote === undefined
      ? createArtifactWatch({ database, ...artifacts, hash: hashOf, clock, logger })
      : createRemoteArtifactWatch({ database, artifacts, clock });
  const stop = startArtifactRounds(watch, settings.healthCheckIntervalSec * 1000, logger);
  const { directory, errorRateThreshold: errorRate, latencyThresholdMs: latencyMs } = settings;
  const reading: HealthDependencies = {
    ...needs,
    directory,
    artifacts: watch,
    thresholds: { errorRate, latencyMs },
  };
  return {
    /** What health_check reads with. */
    reading,
    stop,
  };
}
