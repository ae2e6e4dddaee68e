import type { Registration } from '../registry/register.ts';
import type { Settings } from '../settings.ts';
import type { ArtifactStore } from '../storage/artifact_store.ts';
import type { Database } from '../storage/database.ts';
import type { Logger } from '../telemetry/logger.ts';
import { openConnection } from './connection.ts';
import { type DownloadProgress, importModel } from './import_model.ts';
import { isMlflowSource } from './source.ts';

export interface MlflowDependencies {
  database: Database;
  artifacts: ArtifactStore;
  logger: Logger;
  clock: () => number;
  random: () => number;
}

export type Mlflow = ReturnType<typeof openMlflow>;

export function openMlflow(settings: Settings, { clock }: MlflowDependencies) {
  const { trackingUri } = settings.mlflow;
  const connection =
    trackingUri === undefined ? undefined : openConnection({ ...settings.mlflow, trackingUri });
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
  };
}
