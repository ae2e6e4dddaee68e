import type { Origin } from '../access/origin.ts';
import { ModelYardError } from '../errors.ts';
import { requireModel } from '../registry/lookup.ts';
import type { Register, Registration } from '../registry/registration.ts';
import type { Settings } from '../settings.ts';
import type { ArtifactStore } from '../storage/artifact_store.ts';
import type { Database } from '../storage/database.ts';
import type { Logger } from '../telemetry/logger.ts';
import { openConnection } from './connection.ts';
import { describeMlflow, type MlflowHealth } from './health.ts';
import { type DownloadProgress, importModel } from './import_model.ts';
import { driftMetrics, outcomeMetrics } from './monitoring_metrics.ts';
import { type PullDependencies, pullModels } from './pull.ts';
import { restOf } from './rest.ts';
import { startSender } from './sender.ts';
import { isMlflowSource } from './source.ts';
import { pushNow, type SyncOutcome } from './sync.ts';
import { type AbTests, trackComparisons } from './track_comparisons.ts';
import { keepMeasurement } from './track_metrics.ts';
import { trackOutcomes } from './track_outcomes.ts';
import { tracking } from './tracking.ts';

export interface MlflowDependencies {
  database: Database;
  artifacts: ArtifactStore;
  logger: Logger;
  clock: () => number;
  random: () => number;
  /** Registers versions that are pulled. */
  register: Register;
  /** The performance of a version from `since` (inclusive) to `until` (exclusive), where it is known. */
  measureOutcomes: (
    modelId: string,
    version: string,
    time: { since: number; until: number },
  ) => Promise<Parameters<typeof outcomeMetrics>[0]>;
  abTests: AbTests;
}

/** The experiment for the runs of versions where no other is configured. */
const defaultExperiment = 'ModelYard';

/** Longest time between two checks for outcomes to measure, milliseconds. */
const longestLookMs = 5000;

/** How long closing waits for what can still be sent, milliseconds. */
const lastRoundMs = 3000;

export interface SyncRequest {
  modelId: string | undefined;
  direction: 'push' | 'pull';
}

/** Everything about MLflow; does nothing where none is configured. */
export function openMlflow(settings: Settings, dependencies: MlflowDependencies) {
  const { database, artifacts, register, measureOutcomes, logger, clock, random } = dependencies;
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
      : trackOutcomes({
          database,
          measure: async (...of) => outcomeMetrics(await measureOutcomes(...of)),
          clock,
          intervalMs,
          logger,
        });
  const comparisons =
    outcomes && trackComparisons({ database, abTests: dependencies.abTests, clock, intervalMs, logger });
  const looks =
    outcomes &&
    setInterval(
      () => {
        void outcomes.look();
        void comparisons?.look();
      },
      Math.min(intervalMs, longestLookMs),
    ).unref();

  return {
    /** Runs `register` with the file, which is downloaded first where the source is in MLflow. */
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
      origin: Origin,
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
        return pullModels(
          {
            database,
            connection,
            register: (pulled, aborted) => register(pulled, origin, aborted),
            progress,
            clock,
          },
          modelId,
          signal,
        );
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

    /** Called after a version's features were compared with a reference; returns at once. */
    driftMeasured(modelId: string, version: string, features: Parameters<typeof driftMetrics>[0]): void {
      if (sender === undefined || experimentName === undefined) return;
      const metrics = driftMetrics(features);
      keepMeasurement(database, { modelId, version, at: clock(), metrics }).catch((error: unknown) =>
        logger.warn('a measurement is not logged in MLflow', { error }),
      );
    },

    /** MLflow's part of health_check, from what is known without asking MLflow. */
    health: (): Promise<MlflowHealth> =>
      describeMlflow(database, connection?.address, {
        registry: registryEnabled,
        tracking: experimentName !== undefined,
      }),

    async close(): Promise<void> {
      clearInterval(looks);
      await Promise.all([outcomes?.close(), comparisons?.close()]);
      if (sender !== undefined) {
        // Changes of a short session are sent before it ends, if MLflow is fast.
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
