import { ModelYardError } from '../errors.ts';
import type { ArtifactFolder } from './artifact_folder.ts';
import { isMissing } from './mlflow_error.ts';
import type { Rest } from './rest.ts';
import type { LoggedModel, Run } from './rest_answers.ts';

/** Models of one run that are read. */
const maxOutputs = 200;
/** Folders of one run that are searched, and how deep. */
const maxFolders = 100;
const maxDepth = 4;
/** Models that an error names. */
const maxNamed = 20;

/** The models that were logged from a run (MLflow 3) by name; of equal names the newest. */
export async function loggedModelsOf(rest: Rest, { outputs }: Run): Promise<Map<string, LoggedModel>> {
  const found = new Map<string, LoggedModel>();
  for (const { model_id } of outputs.model_outputs.slice(-maxOutputs)) {
    const model = await rest.loggedModel(model_id).catch((error: unknown) => {
      // A model that was deleted since is still among the run's outputs.
      if (isMissing(error)) return undefined;
      throw error;
    });
    if (model === undefined) continue;
    const { name, creation_timestamp_ms } = model.info;
    if ((found.get(name)?.info.creation_timestamp_ms ?? -1) <= creation_timestamp_ms) found.set(name, model);
  }
  return found;
}

/** Paths, after `runs:/<run_id>/`, that name the models of a run. */
export interface RunModels {
  /** Those that a flavor of MLflow wrote. */
  models: string[];
  /** Bare .onnx files. */
  files: string[];
}

/**
 * The models among a run's artifacts (of MLflow 2, or sent from here): directories with a file MLmodel, and .onnx
 * files.
 */
export async function modelsAmong(folder: ArtifactFolder): Promise<RunModels> {
  const found: RunModels = { models: [], files: [] };
  let level = [''];
  for (let depth = 0, looked = 0; depth < maxDepth && level.length > 0; depth++) {
    const below: string[] = [];
    for (const path of level) {
      if (looked++ >= maxFolders) return found;
      const entries = await folder.list(path);
      if (path !== '' && entries.some(({ name, isDirectory }) => name === 'MLmodel' && !isDirectory)) {
        found.models.push(path);
        continue;
      }
      for (const { name, isDirectory } of entries) {
        const whole = path === '' ? name : `${path}/${name}`;
        if (isDirectory) below.push(whole);
        else if (name.endsWith('.onnx')) found.files.push(whole);
      }
    }
    level = below;
  }
  return found;
}

/** A sentence on which models a run holds. */
export function toldModels(runId: string, { models, files }: RunModels): string {
  const paths = [...models.toSorted(), ...files.toSorted()];
  if (paths.length === 0) return 'The run holds no model.';
  const named = paths.slice(0, maxNamed).map((path) => `runs:/${runId}/${path.slice(0, 200)}`);
  return `The run holds ${named.join(', ')}${paths.length > maxNamed ? ` and ${paths.length - maxNamed} more` : ''}.`;
}

/**
 * The one model that a run holds, whatever files lie beside it; else its one .onnx file.
 * @throws INVALID_INPUT unless there is exactly one
 */
export function requireOneModel(runId: string, held: RunModels): string {
  const paths = held.models.length > 0 ? held.models : held.files;
  const [only, ...others] = paths;
  if (only !== undefined && others.length === 0) return only;
  throw new ModelYardError(
    'INVALID_INPUT',
    only === undefined
      ? `MLflow's run ${runId} holds no model.`
      : `MLflow's run ${runId} holds ${paths.length} models, and the source names none of them.`,
    only === undefined
      ? 'Log one with mlflow.onnx.log_model, or name the run that has it.'
      : `Name one. ${toldModels(runId, held)}`,
  );
}
