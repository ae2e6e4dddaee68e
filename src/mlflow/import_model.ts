import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { ModelYardError } from '../errors.ts';
import type { Registration } from '../registry/registration.ts';
import { ownedName } from '../storage/owned_name.ts';
import { artifactFolder } from './artifact_folder.ts';
import type { Connection } from './connection.ts';
import { downloadModel } from './download_model.ts';
import type { MlModel } from './mlmodel.ts';
import { type ResolvedSource, resolveSource } from './resolve_source.ts';
import { restOf } from './rest.ts';
import { rememberVersion } from './version_map.ts';

export interface ImportDependencies {
  connection: Connection;
  allowedRoots: readonly string[];
  /** The registry directory, where downloads are stored temporarily. */
  directory: string;
  maxBytes: number;
  clock: () => number;
}

/** Reports how many bytes were downloaded. */
export type DownloadProgress = (receivedBytes: number, totalBytes: number) => void;

/**
 * Downloads the model that a registration's source names in MLflow and hands the registration on, completed: with
 * the file, the names of the columns, and metrics, parameters, tags and origin as facts. What the caller gave
 * wins over what MLflow says. The file is gone when `register` has ended.
 * @throws INVALID_INPUT, ARTIFACT_INVALID, LIMIT_EXCEEDED, PATH_NOT_ALLOWED, MLFLOW_UNAVAILABLE, PERMISSION_DENIED,
 *   CANCELLED, and what `register` throws
 */
export async function importModel<T>(
  { connection, allowedRoots, directory, maxBytes, clock }: ImportDependencies,
  registration: Registration,
  register: (completed: Registration) => Promise<T>,
  progress: DownloadProgress,
  signal?: AbortSignal,
): Promise<T> {
  const folderAt = (uri: string) => artifactFolder(connection, uri, allowedRoots, signal);
  const resolved = await resolveSource({ rest: restOf(connection, signal), folderAt }, registration.source);
  const folder = folderAt(resolved.artifactUri);
  const scratch = join(directory, 'incoming', ownedName());
  await mkdir(scratch, { recursive: true, mode: 0o700 });
  try {
    const { file, description } = await downloadModel(folder, resolved.path, {
      directory: scratch,
      maxBytes,
      progress,
    }).catch(async (error: unknown) => {
      if (!(error instanceof ModelYardError) || error.code !== 'INVALID_INPUT') throw error;
      const told = await resolved.told?.();
      throw new ModelYardError(
        error.code,
        error.message,
        `${error.hint}${told === undefined ? '' : ` ${told}`}`,
      );
    });
    return await register(completed(registration, file, description, resolved, clock));
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

function completed(
  registration: Registration,
  file: string,
  description: MlModel | undefined,
  resolved: ResolvedSource,
  clock: () => number,
): Registration {
  const { run, logged, registered } = resolved;
  const params = entriesOf(run?.data.params, logged?.data.params);
  const metrics = entriesOf(run?.data.metrics, logged?.data.metrics)
    .map(([name, { value }]) => [name, value] as const)
    .filter(([, value]) => Number.isFinite(value));
  const tags = entriesOf(run?.data.tags, logged?.info.tags, registered?.tags).filter(
    ([name]) => !/^(mlflow|modelyard)\./.test(name),
  );
  const given = registration;
  const text = registered?.description ?? '';
  return {
    ...given,
    file,
    suggestedFeatureNames: description?.columns,
    classLabels: given.classLabels ?? description?.classLabels,
    description: given.description ?? (text === '' ? undefined : text.slice(0, 10_000)),
    metrics: merged(metrics, given.metrics),
    hyperparameters: merged(params, given.hyperparameters),
    tags: merged(
      [
        ...tags.map(([name, value]) => [name, value.slice(0, 5000)] as const),
        ...origin(resolved, description),
      ],
      given.tags,
    ),
    // It is that version of the model with the same name there, so it is not sent back as another.
    ...(registered?.name === given.modelId && {
      also: (transaction) =>
        rememberVersion(
          transaction,
          given,
          { number: registered.version, runId: registered.run_id },
          clock(),
        ),
    }),
  };
}

/** Where it came from, as tags. */
function origin(
  { run, logged, registered }: ResolvedSource,
  description: MlModel | undefined,
): [string, string][] {
  const modelId = logged?.info.model_id ?? description?.modelId;
  const runId = run?.info.run_id ?? description?.runId;
  return [
    ...(runId === undefined ? [] : [['mlflow.run_id', runId] as [string, string]]),
    ...(modelId === undefined ? [] : [['mlflow.model_id', modelId] as [string, string]]),
    ...(registered === undefined
      ? []
      : [['mlflow.model_version', `${registered.name}/${registered.version}`] as [string, string]]),
  ];
}

/** Entries of each kind that are taken at most. */
const maxEntries = 1000;

/** The entries of all maps; of equal names the last map's. Names that are not valid here are left out. */
function entriesOf<V>(...maps: (ReadonlyMap<string, V> | undefined)[]): [string, V][] {
  const all = new Map(maps.flatMap((map) => [...(map ?? [])]));
  return [...all].filter(([name]) => name.length > 0 && name.length <= 256).slice(0, maxEntries);
}

function merged<V>(
  found: readonly (readonly [string, V])[],
  given: Record<string, V> | undefined,
): Record<string, V> | undefined {
  const all = [...found, ...Object.entries(given ?? {})];
  return all.length === 0 ? given : Object.fromEntries(all);
}
