import { ModelYardError } from '../errors.ts';
import type { ArtifactFolder } from './artifact_folder.ts';
import { isMissing } from './mlflow_error.ts';
import type { Rest } from './rest.ts';
import type { LoggedModel, ModelVersion, Run } from './rest_answers.ts';
import { loggedModelsOf, modelsAmong, requireOneModel, toldModels } from './run_models.ts';
import { isMlflowSource, type MlflowSource, parseSource } from './source.ts';

/** Where a model's directory is, and what MLflow knows about it. */
export interface ResolvedSource {
  artifactUri: string;
  /** Relative to the artifact URI. */
  path: string;
  run: Run | undefined;
  logged: LoggedModel | undefined;
  registered: ModelVersion | undefined;
  /** For a run: a sentence on which models it holds. */
  told?: (() => Promise<string>) | undefined;
}

/** What resolving needs. */
export interface Resolver {
  rest: Rest;
  /** The folder at an artifact URI. */
  folderAt(uri: string): ArtifactFolder;
}

/**
 * Asks MLflow what an address stands for now.
 *
 * @throws INVALID_INPUT where MLflow has no such thing; MlflowError; CANCELLED
 */
export async function resolveSource(resolver: Resolver, source: string): Promise<ResolvedSource> {
  const { rest } = resolver;
  const parsed = parseSource(source);
  try {
    const resolved = await resolve(resolver, parsed);
    return { ...resolved, run: resolved.run ?? (await readRun(rest, resolved)) };
  } catch (error) {
    if (!isMissing(error)) throw error;
    throw new ModelYardError(
      'INVALID_INPUT',
      `MLflow has nothing at ${source}.`,
      'Look up the run, the model or its aliases in MLflow.',
      { cause: error },
    );
  }
}

async function resolve(resolver: Resolver, source: MlflowSource): Promise<ResolvedSource> {
  const { rest } = resolver;
  if (source.kind === 'logged') return loggedSource(await findLogged(rest, source.modelId));
  if (source.kind === 'run') return runSource(resolver, source.runId, source.path);
  const registered =
    source.kind === 'alias'
      ? await rest.versionByAlias(source.name, source.alias)
      : await rest.version(source.name, source.version);
  if (registered.status !== 'READY')
    throw new ModelYardError(
      'INVALID_INPUT',
      `MLflow's ${registered.name} ${registered.version} is not ready (${registered.status}).`,
      'Wait until MLflow has it, or register it there again.',
    );
  const artifactUri = await rest.downloadUri(registered.name, registered.version);
  // A person may have registered it by an MLflow address, which MLflow stores unchanged.
  const stored = isMlflowSource(artifactUri) ? parseSource(artifactUri) : undefined;
  if (stored?.kind === 'run')
    return { ...(await runSource(resolver, stored.runId, stored.path)), registered };
  if (stored?.kind === 'logged')
    return { ...loggedSource(await findLogged(rest, stored.modelId)), registered };
  const [, named] = /^models:\/(m-[A-Za-z0-9]+)$/.exec(registered.source) ?? [];
  if (named === undefined) return { artifactUri, path: '', run: undefined, logged: undefined, registered };
  return { ...loggedSource(await findLogged(rest, named)), artifactUri, registered };
}

/** @throws INVALID_INPUT where the server is MLflow 2, which has no logged models */
async function findLogged(rest: Rest, modelId: string): Promise<LoggedModel> {
  const logged = await rest.loggedModel(modelId);
  if (logged !== undefined) return logged;
  throw new ModelYardError(
    'INVALID_INPUT',
    `This MLflow has no logged models, so models:/${modelId} can name nothing: they came with MLflow 3.`,
    'Use runs:/<run_id>, runs:/<run_id>/<path>, models:/<name>/<version number> or models:/<name>@<alias>.',
  );
}

function loggedSource(logged: LoggedModel): ResolvedSource {
  return { artifactUri: logged.info.artifact_uri, path: '', run: undefined, logged, registered: undefined };
}

/**
 * A path in a run is first the name of a model that was logged from it (MLflow 3), else an artifact of the run; without
 * one it is the model that the run holds, if that is one.
 */
async function runSource({ rest, folderAt }: Resolver, runId: string, path: string): Promise<ResolvedSource> {
  const run = await rest.run(runId);
  const named = await loggedModelsOf(rest, run);
  const { artifact_uri: artifactUri } = run.info;
  const models = async () => {
    const among = await modelsAmong(folderAt(artifactUri));
    return { ...among, models: [...named.keys(), ...among.models] };
  };
  const chosen = path === '' ? requireOneModel(runId, await models()) : path;
  const [name = '', ...below] = chosen.split('/');
  const logged = named.get(name);
  const told = async () => toldModels(runId, await models());
  if (logged !== undefined) return { ...loggedSource(logged), path: below.join('/'), run, told };
  return { artifactUri, path: chosen, run, logged: undefined, registered: undefined, told };
}

/** The run that a model came from; undefined where it was deleted. */
async function readRun(rest: Rest, { logged, registered }: ResolvedSource): Promise<Run | undefined> {
  const runId = logged?.info.source_run_id || registered?.run_id;
  return runId === undefined || runId === '' ? undefined : rest.findRun(runId);
}
