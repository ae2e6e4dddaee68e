import { ModelYardError } from '../errors.ts';
import { isIdentifier } from '../identifier.ts';
import type { Registration } from '../registry/registration.ts';
import type { Database } from '../storage/database.ts';
import type { Connection } from './connection.ts';
import { MlflowError } from './mlflow_error.ts';
import { ownTag, type Problem } from './plan_sync.ts';
import { restOf } from './rest.ts';
import type { ModelVersion } from './rest_answers.ts';
import { readSender } from './sender_row.ts';
import type { SyncOutcome } from './sync.ts';
import { rememberVersion } from './version_map.ts';

export interface PullDependencies {
  database: Database;
  connection: Connection;
  /** Registers a version whose source is in MLflow. */
  register(registration: Registration, signal: AbortSignal): Promise<unknown>;
  progress(done: number, total: number, message: string): void;
  clock: () => number;
}

/** How long a call goes on pulling versions, milliseconds: clients give up after a minute. */
const longestMs = 40_000;

/**
 * Registers the versions that were made in MLflow, of one model or of all models that are here, each under MLflow's
 * number (or the name it has in another ModelYard). Stages and traffic stay as they are here.
 * @throws MlflowError when MLflow does not answer at all; CANCELLED
 */
export async function pullModels(
  dependencies: PullDependencies,
  modelId: string | undefined,
  signal: AbortSignal,
): Promise<SyncOutcome> {
  const { database, connection, clock, progress } = dependencies;
  const rest = restOf(connection, signal);
  const deadline = clock() + longestMs;
  const models = modelId === undefined ? await modelsHere(database) : [modelId];
  const outcome: SyncOutcome = { queued: 0, sent: 0, failed: [], connected: true };
  for (const id of models) {
    const model = await rest.registeredModel(id);
    if (model === undefined) {
      if (modelId !== undefined)
        throw new ModelYardError(
          'INVALID_INPUT',
          `MLflow has no registered model ${id}.`,
          'Look up its name in MLflow; a model there and here have the same name.',
        );
      continue;
    }
    const missing = await missingVersions(database, id, await rest.versionsOf(id));
    for (const [index, version] of missing.entries()) {
      if (clock() >= deadline) {
        outcome.queued += missing.length - index;
        break;
      }
      progress(index, missing.length, `${id} ${version.version}`);
      const problem = await pullVersion(dependencies, id, version, signal);
      if (problem === undefined) outcome.sent++;
      else outcome.failed.push(problem);
    }
  }
  return outcome;
}

async function modelsHere(database: Database): Promise<string[]> {
  const rows = await database.selectFrom('models').select('model_id').orderBy('model_id').execute();
  return rows.map(({ model_id }) => model_id);
}

async function missingVersions(
  database: Database,
  modelId: string,
  theirs: readonly ModelVersion[],
): Promise<ModelVersion[]> {
  const mapped = await database
    .selectFrom('mlflow_versions')
    .select('mlflow_version')
    .where('model_id', '=', modelId)
    .execute();
  const known = new Set(mapped.map(({ mlflow_version }) => mlflow_version));
  const { store_id } = await readSender(database);
  return theirs.filter(
    ({ version, tags, status }) =>
      !known.has(version) && status === 'READY' && !tags.get(ownTag.key)?.startsWith(`${store_id}/`),
  );
}

/** @returns why it cannot be pulled; undefined: it is registered now */
async function pullVersion(
  { database, register, clock }: PullDependencies,
  modelId: string,
  theirs: ModelVersion,
  signal: AbortSignal,
): Promise<Problem | undefined> {
  const what = `${modelId}: MLflow's version ${theirs.version}`;
  const name = theirs.tags.get(ownTag.version) ?? String(theirs.version);
  if (!isIdentifier(name))
    return {
      what,
      why: `It calls itself ${JSON.stringify(name.slice(0, 60))}, which is no name for a version.`,
    };
  const own = await database
    .selectFrom('versions')
    .select('artifact_sha256')
    .where('model_id', '=', modelId)
    .where('version', '=', name)
    .executeTakeFirst();
  const remember = () =>
    rememberVersion(
      database,
      { modelId, version: name },
      { number: theirs.version, runId: theirs.run_id },
      clock(),
    );
  if (own !== undefined && theirs.tags.get(ownTag.sha256) === own.artifact_sha256) {
    await remember();
    return undefined;
  }
  const gone = await database
    .selectFrom('deleted_versions')
    .select('version')
    .where('model_id', '=', modelId)
    .where('version', '=', name)
    .executeTakeFirst();
  if (gone !== undefined)
    return { what, why: `The version ${name} was deleted here; its name is not given again.` };
  try {
    const source = `models:/${modelId}/${theirs.version}`;
    await register({ modelId, version: name, source }, signal);
    // Where the same bytes were registered under this name already, nothing was added.
    await remember();
    return undefined;
  } catch (error) {
    if (!(error instanceof ModelYardError) || error.code === 'CANCELLED') throw error;
    if (error instanceof MlflowError && error.failure !== 'refused') throw error;
    return { what, why: error.message };
  }
}
