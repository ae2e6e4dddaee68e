import { ModelYardError } from '../errors.ts';
import { requireModel } from '../registry/lookup.ts';
import type { Registration } from '../registry/register.ts';
import type { Settings } from '../settings.ts';
import type { ArtifactStore } from '../storage/artifact_store.ts';
import type { Database } from '../storage/database.ts';
import type { Logger } from '../telemetry/logger.ts';
import { openConnection } from './connection.ts';
import { describeMlflow, type MlflowHealth } from './health.ts';
import { type DownloadProgress, importModel } from './import_model.ts';
import { type PullDependencies, pullModels } from './pull.ts';
import { restOf } from './rest.ts';
import { startSender } from './sender.ts';
import { isMlflowSource } from './source.ts';
import { pushNow, type SyncOutcome } from './sync.ts';
import { keepMeasurement } from './track_metrics.ts';
import { type OutcomeMeasurer, trackOutcomes } from './track_outcomes.ts';
import { tracking } from './tracking.ts';

export interface MlflowDependencies {
  database: Database;
  artifacts: ArtifactStore;
  logger: Logger;
  clock: () => number;
  random: () => number;
  /** How well a version answered, where that is known. */
  measureOutcomes: OutcomeMeasurer;
}

/** The experiment of the runs that versions belong to, where no other is named. */
const defaultExperiment = 'ModelYard';

/** How often it is looked whether there are outcomes to measure, at least, milliseconds. */
const longestLookMs = 5000;

/** How long the end of the process waits for what can still be sent, milliseconds. */
const lastRoundMs = 3000;

export interface SyncRequest {
  modelId: string | undefined;
  direction: 'push' | 'pull';
}

export type Mlflow = ReturnType<typeof openMlflow>;

/** Everything that has to do with MLflow; where none is configured, it does nothing. */
export function openMlflow(settings: Settings, dependencies: MlflowDependencies) {
  const { database, artifacts, logger, clock, random } = dependencies;
  const intervalMs = settings.healthCheckIntervalSec * 1000;
  const { trackingUri, experimentName, registryEnabled, useStages, timeoutMs } = settings.mlflow;
  const connection =
    trackingUri === undefined ? undefined : openConnection({ ...settings.mlflow, trackingUri });
  const sender =
    connection === undefined || !(registryEnabled || experimentName !== undefined)
      ? undefined
      : startSender({
          database,
          artifacts,
          connection,
          logger,
          clock,
          random,
          experimentName: experimentName ?? defaultExperiment,
          registry: registryEnabled,
          useStages,
          timeoutMs,
          tracking:
            experimentName === undefined
              ? undefined
              : tracking({ database, connection, experimentName, logger, clock }),
        });
  const outcomes =
    sender === undefined || experimentName === undefined
      ? undefined
      : trackOutcomes({ database, measure: dependencies.measureOutcomes, clock, intervalMs, logger });
  const looks =
    outcomes && setInterval(() => void outcomes.look(), Math.min(intervalMs, longestLookMs)).unref();

  return {
    /** Registers; a source in MLflow is brought here first. */
    withFile<T>(
      registration: Registration,
      register: (whole: Registration) => Promise<T>,
      downloaded: DownloadProgress = () => undefined,
      signal?: AbortSignal,
    ): Promise<T> {
      if (connection === undefined || !isMlflowSource(registration.source)) return register(registration);
      const { allowedRoots, directory, maxArtifactBytes: maxBytes } = settings;
      return importModel(
        { connection, allowedRoots, directory, maxBytes, clock },
        registration,
        register,
        downloaded,
        signal,
      );
    },

    /** @throws MLFLOW_UNAVAILABLE without MLflow; INVALID_INPUT; MODEL_NOT_FOUND; CANCELLED */
    async sync(
      { modelId, direction }: SyncRequest,
      register: PullDependencies['register'],
      progress: PullDependencies['progress'],
      signal: AbortSignal,
    ): Promise<SyncOutcome> {
      if (connection === undefined)
        throw new ModelYardError(
          'MLFLOW_UNAVAILABLE',
          'No MLflow server is configured.',
          'Start the server with MLFLOW_TRACKING_URI (and ENABLE_MLFLOW_REGISTRY=true to push).',
        );
      if (direction === 'pull')
        return pullModels({ database, connection, register, progress, clock }, modelId, signal);
      if (modelId !== undefined) await requireModel(database, modelId);
      if (sender === undefined || !registryEnabled)
        throw new ModelYardError(
          'INVALID_INPUT',
          'This server does not send its registry to MLflow.',
          'Start it with ENABLE_MLFLOW_REGISTRY=true, or use direction=pull.',
        );
      const isThere = (limit: AbortSignal) =>
        restOf(connection, limit)
          .ping()
          .then(
            () => true,
            () => false,
          );
      return pushNow({ database, sender, isThere, clock }, modelId, signal);
    },

    /** Monitoring measured something of a version; costs the caller nothing. */
    measured(modelId: string, version: string, metrics: Record<string, number>): void {
      if (sender === undefined || experimentName === undefined) return;
      keepMeasurement(database, { modelId, version, at: clock(), metrics }).catch((error: unknown) =>
        logger.warn('a measurement is not logged in MLflow', { error }),
      );
    },

    /** What health_check says of it: from what is known, without asking MLflow. */
    health: (): Promise<MlflowHealth> =>
      describeMlflow(database, connection?.address, {
        registry: registryEnabled,
        tracking: experimentName !== undefined,
      }),

    async close(): Promise<void> {
      clearInterval(looks);
      await outcomes?.close();
      if (sender !== undefined) {
        // What a short session changed is sent before it ends, if MLflow is quick.
        await Promise.race([
          sender.round(),
          new Promise((resolve) => setTimeout(resolve, lastRoundMs).unref()),
        ]);
        await sender.close();
      }
      connection?.close();
    },
  };
}
