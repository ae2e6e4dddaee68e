import { ModelYardError } from '../errors.ts';
import { isMissing } from './mlflow_error.ts';
import type { LoggedModel, ModelVersion, Rest, Run } from './rest.ts';
import { isMlflowSource, type MlflowSource, parseSource } from './source.ts';

/** Where a model's directory is, and what MLflow knows of it. */
export interface ResolvedSource {
  artifactUri: string;
  /** Below the artifact URI. */
  path: string;
  run: Run | undefined;
  logged: LoggedModel | undefined;
  registered: ModelVersion | undefined;
}

/**
 * Asks MLflow what an address stands for now.
 * @throws INVALID_INPUT where MLflow has no such thing; MlflowError; CANCELLED
 */
export async function resolveSource(rest: Rest, source: string): Promise<ResolvedSource> {
  const parsed = parseSource(source);
  try {
    const resolved = await resolve(rest, parsed);
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

async function resolve(rest: Rest, source: MlflowSource): Promise<ResolvedSource> {
  if (source.kind === 'logged') return loggedSource(await findLogged(rest, source.modelId));
  if (source.kind === 'run') return runSource(rest, source.runId, source.path);
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
  // A person may have registered it by an address like ours, which MLflow keeps as it is.
  const stored = isMlflowSource(artifactUri) ? parseSource(artifactUri) : undefined;
  if (stored?.kind === 'run') return { ...(await runSource(rest, stored.runId, stored.path)), registered };
  if (stored?.kind === 'logged')
    return { ...loggedSource(await findLogged(rest, stored.modelId)), registered };
  const [, named] = /^models:\/(m-[A-Za-z0-9]+)$/.exec(registered.source) ?? [];
  if (named === undefined) return { artifactUri, path: '', run: undefined, logged: undefined, registered };
  return { ...loggedSource(await findLogged(rest, named)), artifactUri, registered };
}

/** @throws INVALID_INPUT where the server is an MLflow 2, which has no such models */
async function findLogged(rest: Rest, modelId: string): Promise<LoggedModel> {
  const logged = await rest.loggedModel(modelId);
  if (logged !== undefined) return logged;
  throw new ModelYardError(
    'INVALID_INPUT',
    `This MLflow has no logged models, so models:/${modelId} can name nothing: they came with MLflow 3.`,
    'Use runs:/<run_id>/<path>, models:/<name>/<version number> or models:/<name>@<alias>.',
  );
}

function loggedSource(logged: LoggedModel): ResolvedSource {
  return { artifactUri: logged.info.artifact_uri, path: '', run: undefined, logged, registered: undefined };
}

/** How many models of one run are looked through for the one that is named. */
const maxOutputs = 200;

/** A path in a run is first the name of a model that was logged from it (MLflow 3), else an artifact of the run. */
async function runSource(rest: Rest, runId: string, path: string): Promise<ResolvedSource> {
  const run = await rest.run(runId);
  const [name = '', ...below] = path.split('/');
  const outputs = run.outputs.model_outputs.slice(-maxOutputs);
  let logged: LoggedModel | undefined;
  for (const { model_id } of outputs) {
    const model = await rest.loggedModel(model_id).catch((error: unknown) => {
      // One that was deleted since is still among the run's outputs.
      if (isMissing(error)) return undefined;
      throw error;
    });
    if (model?.info.name !== name) continue;
    if ((logged?.info.creation_timestamp_ms ?? -1) <= model.info.creation_timestamp_ms) logged = model;
  }
  if (logged !== undefined) return { ...loggedSource(logged), path: below.join('/'), run };
  return { artifactUri: run.info.artifact_uri, path, run, logged: undefined, registered: undefined };
}

/** The run that a model came from; one that is deleted takes its facts with it. */
async function readRun(rest: Rest, { logged, registered }: ResolvedSource): Promise<Run | undefined> {
  const runId = logged?.info.source_run_id || registered?.run_id;
  return runId === undefined || runId === '' ? undefined : rest.findRun(runId);
}
